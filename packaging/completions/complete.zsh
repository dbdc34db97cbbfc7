# For packaging/completions/test: prints what zsh offers at the end of a line, one a line.
#   zsh -f complete.zsh DIRECTORY SCRATCH LINE
# DIRECTORY holds _uringd. Completion exists only in an interactive zsh, so one is started on a pseudo-terminal, types
# LINE and asks for the list. There compadd is a function that first writes down what matches, in SCRATCH.
zmodload zsh/zpty || exit 1
directory=$1
answers=$2/answers
line=$3
: >$answers
# It comes from a file, because typed lines would be edited.
cat >$2/setup <<SETUP
PS1= PS2= RPS1=
unsetopt beep prompt_sp prompt_cr list_beep
fpath=(${(q)directory} \$fpath)
autoload -Uz compinit
compinit -u -d ${(q)2}/dump
compadd() {
  local -a matches
  # With -O, -A or -D the caller only asks, and adds nothing.
  if (( ! \${@[(I)-[OAD]*]} )); then
    builtin compadd -O matches "\$@"
    print -rl -- \$matches >>${(q)answers}
  fi
  builtin compadd "\$@"
}
report-matches() {
  zle list-choices
  print done >>${(q)answers}
  exit
}
zle -N report-matches
bindkey '^G' report-matches
SETUP
zpty lister "zsh -f -i"
zpty -w lister ". ${(q)2}/setup"
zpty -w -n lister "$line"$'\C-g'
zpty -r lister output '*never*'  # until its end
zpty -d lister
if [[ $(tail -n 1 $answers) != done ]]; then
  print -r -- "complete.zsh: the shell said: $output" >&2
  exit 1
fi
sed '/^$/d; $d' $answers
