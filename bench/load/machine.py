"""What the kernel says about the machine and the processes: CPUs, CPU time, sleeps, system calls.

CPU time of a server is the run time of all threads of all its processes, in nanoseconds, from
/proc/PID/task/*/schedstat. Nothing here needs to be root; what cannot be counted is left out.
"""
import ctypes
import glob
import os
import pathlib
import platform
import shutil
import socket
import subprocess
import time


def read(path):
    try:
        return pathlib.Path(path).read_text()
    except OSError:
        return ""


def usable():
    return sorted(os.sched_getaffinity(0))


def cpus():
    """(server CPU, generator CPU): the last and the first that this process may use; equal where there is only one."""
    return usable()[-1], usable()[0]


def family(pid):
    """pid and all its descendants."""
    parents = {}
    for stat in glob.glob("/proc/[0-9]*/stat"):
        fields = read(stat).rpartition(")")[2].split()
        if fields:
            parents.setdefault(int(fields[1]), []).append(int(stat.split("/")[2]))
    found = [pid]
    for member in found:
        found += parents.get(member, [])
    return found


class Usage:
    """Counters of a server's processes at one moment; `later - earlier` gives (CPU ns, voluntary sleeps)."""

    def __init__(self, pid):
        self.run_ns, self.clock_ns, self.sleeps = 0, 0, 0
        for member in family(pid):
            for task in glob.glob(f"/proc/{member}/task/*"):
                self.run_ns += int((read(f"{task}/schedstat").split() or [0])[0])
                for line in read(f"{task}/status").splitlines():
                    if line.startswith("voluntary_ctxt_switches:"):
                        self.sleeps += int(line.split()[1])
            self.clock_ns += process_clock_ns(member)

    def __sub__(self, earlier):
        # A thread that ended in between (an io-wq worker does when idle) took its schedstat along, but stays in the
        # clock of its process: the larger of the two is the whole.
        return max(self.run_ns - earlier.run_ns, self.clock_ns - earlier.clock_ns), self.sleeps - earlier.sleeps


def process_clock_ns(pid):
    try:
        return time.clock_gettime_ns((~pid << 3) | 2)  # the clock id of another process's CPU time (CPUCLOCK_SCHED)
    except OSError:
        return 0


class CoreTime:
    """Busy, idle and stolen seconds of one CPU since boot, in ticks of 10 ms."""

    def __init__(self, cpu):
        lines = [line.split() for line in read("/proc/stat").splitlines()]
        fields = next((line for line in lines if line and line[0] == f"cpu{cpu}"), ["0"] * 9)
        tick = os.sysconf("SC_CLK_TCK")
        user, nice, system, idle, iowait, irq, softirq, steal = (int(field) / tick for field in fields[1:9])
        self.busy = user + nice + system + irq + softirq
        self.idle = idle + iowait
        self.stolen = steal


class SystemCalls:
    """Counts the system calls of processes with perf, in a run that is not timed: counting has a price."""

    EVENTS = {"syscalls": "raw_syscalls/sys_enter", "enters": "syscalls/sys_enter_io_uring_enter"}

    @classmethod
    def why_not(cls):
        """None where counting works, else what is missing. As root perf would mount tracefs and leave it there."""
        if not shutil.which("perf"):
            return "perf is missing (Debian package linux-perf)"
        if not all(os.access(f"/sys/kernel/tracing/events/{event}/id", os.R_OK) for event in cls.EVENTS.values()):
            return "tracefs is not readable here (as root: mount -t tracefs none /sys/kernel/tracing)"
        return None

    def __init__(self, pid):
        command = ["perf", "stat", "-x", ",", "-p", ",".join(map(str, family(pid)))]
        for event in self.EVENTS.values():
            command += ["-e", event.replace("/", ":")]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        time.sleep(0.3)  # until it has attached; nothing says when

    def stop(self):
        """{'syscalls': count, 'enters': count}"""
        self.process.send_signal(2)
        output = self.process.communicate(timeout=10)[1]
        counts = {}
        for line in output.splitlines():
            fields = line.split(",")
            for name, event in self.EVENTS.items():
                if len(fields) > 2 and fields[2] == event.replace("/", ":") and fields[0].isdigit():
                    counts[name] = int(fields[0])
        return counts


def own_network(congestion_control):
    """Moves this process, and what it starts, into a network of its own that is nothing but loopback. Where the
    machine's congestion control is made for real networks (bbr), it paces one client's download on loopback."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(0x40000000) != 0:  # CLONE_NEWNET
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    commands = [("link", "set", "lo", "up")]
    for network in ("127.0.0.0/8", "127.0.0.1"):
        commands.append(("route", "replace", "local", network, "dev", "lo", "table", "local", "proto", "kernel",
                         "scope", "host", "src", "127.0.0.1", "congctl", congestion_control))
    for command in commands:
        subprocess.run(["ip", *command], check=True, capture_output=True, timeout=10)
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as probe:
        used = probe.getsockopt(socket.IPPROTO_TCP, 13, 16).rstrip(b"\0").decode()  # TCP_CONGESTION
        if used != congestion_control:
            raise OSError(0, f"connections use {used} all the same")


def resident_kib(pid):
    """VmRSS of a process and its descendants."""
    return sum(status_kib(f"/proc/{member}/status", "VmRSS") for member in family(pid))


def kernel_kib():
    """What the kernel holds for itself: slabs, stacks, page tables, vmalloc."""
    return sum(status_kib("/proc/meminfo", name) for name in ("Slab", "KernelStack", "PageTables", "VmallocUsed"))


def status_kib(path, name):
    return next((int(line.split()[1]) for line in read(path).splitlines() if line.startswith(f"{name}:")), 0)


def find(name):
    """The path of a program; Debian keeps some where only root's PATH looks."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin:/sbin")


def version(name, *arguments):
    """The first line that a program prints about itself, or None where it is missing or fails."""
    program = find(name)
    if not program:
        return None
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False, timeout=10)
    failed = done.returncode != 0 and name == "git"  # wrk -v exits with 1
    return None if failed else ((done.stdout + done.stderr).splitlines() or [""])[0].strip()


def describe(repository):
    models = [line.split(":")[1].strip() for line in read("/proc/cpuinfo").splitlines() if "model name" in line]
    revision = version("git", "-C", str(repository), "describe", "--always", "--dirty")
    return {
        "date": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        "kernel": platform.release(),
        "cpu": models[0] if models else platform.machine(),
        "cpus": os.cpu_count(),
        "usable_cpus": len(os.sched_getaffinity(0)),
        "memory_mib": status_kib("/proc/meminfo", "MemTotal") >> 10,
        "congestion_control": read("/proc/sys/net/ipv4/tcp_congestion_control").strip(),
        "load_average": read("/proc/loadavg").split()[:3],
        "revision": revision,
        "nginx": version("nginx", "-v"),
        "lighttpd": version("lighttpd", "-v"),
        "h2o": version("h2o", "-v"),
        "apache2": version("apache2", "-v"),
        "caddy": version("caddy", "version"),
        "wrk": (version("wrk", "-v") or "").split(" [")[0] or None,
    }
