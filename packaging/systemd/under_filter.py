"""Runs a command under the SystemCallFilter= of a unit file, as systemd would make it, but for one thing: what the unit
denies with an error ends the process by SIGSYS here, so that no fallback hides it. RestrictSUIDSGID= belongs to it, by
which systemd denies openat2 altogether, because a filter cannot see that call's mode.

under_filter.py UNIT COMMAND [ARG...]. The sets' members are systemd-analyze's, the calls' numbers the compiler's. Where
there is no compiler, or the processor is none of those below, a line and exit code 77.
"""
import ctypes
import os
import platform
import shutil
import subprocess
import sys

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # AUDIT_ARCH_*, linux/audit.h
ALLOW, KILL = 0x7FFF0000, 0x80000000  # SECCOMP_RET_*
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K
NO_NEW_PRIVILEGES, SECCOMP, FILTER = 38, 22, 2  # prctl(2)


class Instruction(ctypes.Structure):
    _fields_ = [("code", ctypes.c_ushort), ("yes", ctypes.c_ubyte), ("no", ctypes.c_ubyte), ("k", ctypes.c_uint)]


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.POINTER(Instruction))]


def output_of(*command, **more):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **more).stdout


def sets_of_systemd():
    sets, name = {}, None
    for line in output_of("systemd-analyze", "syscall-filter", "--no-pager").splitlines():
        word = line.strip()
        if not word or word.startswith("#"):
            continue
        if not line.startswith(" "):
            name = word
            sets[name] = []
        else:
            sets[name].append(word)
    return sets


def expand(name, sets):
    if not name.startswith("@"):
        return {name}
    return set().union(*(expand(member, sets) for member in sets[name]))


def allowed_by(unit):
    """The first line decides that what is not named is denied; those after it add and take away (systemd.exec(5))."""
    sets = sets_of_systemd()
    allowed, restricted = expand("@default", sets), set()
    for line in open(unit, encoding="utf-8"):
        if line.startswith("SystemCallFilter="):
            value = line.split("=", 1)[1].strip()
            named = set().union(*(expand(name, sets) for name in value.lstrip("~").split()))
            allowed = allowed - named if value.startswith("~") else allowed | named
        elif line.strip() in ("RestrictSUIDSGID=yes", "RestrictSUIDSGID=true", "RestrictSUIDSGID=1"):
            restricted = {"openat2"}
    return allowed - restricted


def skip(reason):
    print(f"the system-call filter is not tried: {reason}", file=sys.stderr)
    sys.exit(77)


def numbers():
    if platform.machine() not in ARCHITECTURES:
        skip(f"how calls are told apart on {platform.machine()} is not known here")
    if not shutil.which("cc"):
        skip("cc, which knows their numbers, is missing")
    defines = output_of("cc", "-E", "-dM", "-", input="#include <sys/syscall.h>\n")
    words = (line.split() for line in defines.splitlines())
    return {word[1][5:]: int(word[2]) for word in words if word[1].startswith("__NR_") and word[2].isdigit()}


def main():
    known = numbers()
    code = [(LOAD, 0, 0, 4), (EQUAL, 1, 0, ARCHITECTURES[platform.machine()]), (RETURN, 0, 0, KILL), (LOAD, 0, 0, 0)]
    for name in sorted(allowed_by(sys.argv[1]) & known.keys()):
        code += [(EQUAL, 0, 1, known[name]), (RETURN, 0, 0, ALLOW)]
    code.append((RETURN, 0, 0, KILL))
    program = Program(len(code), (Instruction * len(code))(*(Instruction(*one) for one in code)))
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0) or library.prctl(SECCOMP, FILTER, ctypes.byref(program), 0, 0):
        sys.exit(os.strerror(ctypes.get_errno()))
    os.execv(sys.argv[2], sys.argv[2:])


main()
