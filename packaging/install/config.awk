# Makes the configuration that is installed out of config.toml at the top of the repository: the same keys and comments,
# with another address, another root and other words at its head. What it cannot find it does not pass over in silence:
# each replacement must be made exactly once.
#
# -v file= where the configuration will lie, -v www= where the sample site will lie.

FNR == 1 {
  if (!/^# uringd: try it with/) exit 1
  print "# uringd: the configuration of the service. Check it with `uringd --check --config " file "`,"
  print "# then `systemctl reload uringd`. The keys that a reload cannot change say so."
  print "# The service runs as the user uringd, who must be able to read what is served."
  heads++
  next
}

$0 == "listen = [\"127.0.0.1:8080\"]" {
  print "# for a proxy on this machine, whose user must be in the group uringd:"
  print "# { address = \"unix:/run/uringd/http.sock\", mode = \"0660\" }"
  print "listen = [\":80\"]"
  listens++
  next
}

$0 == "root = \"www\"" {
  print "root = \"" www "\""
  roots++
  next
}

$0 == "#user = \"\"" {
  print "# of no use under the unit, whose User= it is"
  print
  users++
  next
}

$0 == "#access = \"off\"" {
  print "# the unit lets uringd write to \"/var/log/uringd/access.log\"; from \"off\" that takes a restart"
  print
  logs++
  next
}

{ print }

END {
  if (heads == 1 && listens == 1 && roots == 1 && logs == 1 && users == 1) exit 0
  print "config.awk: config.toml is not as expected: its first line, listen, user, root or access" >"/dev/stderr"
  exit 1
}
