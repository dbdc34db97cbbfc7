# shellcheck shell=bash
# For packaging/completions/test: prints what bash would offer at the end of a line, one a line.
#   bash --norc complete.bash COMPLETIONS LINE
# It calls the function that `complete` has registered, with the variables that bash sets for it.
# shellcheck source=packaging/completions/uringd.bash
source "$1"
COMP_LINE=$2
COMP_POINT=${#2}
COMP_WORDBREAKS=$' \t\n"\'><=;|&(:'
registered=$(complete -p uringd)
registered=${registered#complete -F }
"${registered% uringd}"
if ((${#COMPREPLY[@]} > 0)); then printf '%s\n' "${COMPREPLY[@]}"; fi
