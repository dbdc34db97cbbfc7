"""The servers under test: started on a core, a free port and a temporary directory of their own, stopped by pid.

A server lives for one round: memory placement differs from start to start and should be part of the spread, not of one
server's luck. `Missing` says which package or target a server that cannot be started needs.
"""
import contextlib
import ctypes
import dataclasses
import os
import pathlib
import resource
import signal
import socket
import subprocess
import tempfile
import time

from load.machine import find

HERE = pathlib.Path(__file__).resolve().parent
FILE = "file.txt"


class Missing(Exception):
    """What a server or tool needs is not on this machine; the text says what and where to get it."""


class NotBuilt(Missing):
    """A program of this repository is not in the build directory."""


class Failed(Exception):
    """Something under test did not do what it must."""


def body_of(size):
    """The bytes every server must answer with; uringd_floor makes the same text by itself."""
    return (b"abcdefghijklmnopqrstuvwxyz" * (size // 26 + 1))[:size]


@dataclasses.dataclass(frozen=True)
class Setup:
    """What a server is started for. Without a `root` it gets one of its own with one file of `size` bytes."""

    size: int = 1024
    close: bool = False
    root: pathlib.Path | None = None
    cache_size: str | None = None  # uringd's cache.size; None: its default
    files: int = 100_000  # how many nginx's open_file_cache may hold
    connections: int | None = None  # limit on connections; None: each server's own (uringd) or plenty
    descriptors: int | None = None  # RLIMIT_NOFILE, raised where this process may; None: the hard limit as it is
    workers: int = 1  # threads or processes that serve
    cpus: tuple | None = None  # where they may run; None: the one CPU that `running` is told
    zero_copy: str | None = None  # uringd's disk.zero_copy, where the kind of server does not say
    compress: str | None = None  # gzip, br or zstd: this coding is made by the server
    precompressed: bool = False  # FILE.gz, FILE.br, FILE.zst lie beside FILE and are to be sent
    settings: tuple = ()  # uringd: "KEY=VALUE" in place of what the configuration says
    site: tuple = ()  # uringd: more lines of its [[site]]
    answer: int | None = None  # floor: bytes of a whole answer, where it is not a 200 with the file
    limits: tuple = ()  # (a resource.RLIMIT_..., soft and hard limit), each


def make_root(directory, size):
    root = pathlib.Path(directory) / "root"
    root.mkdir()
    (root / FILE).write_bytes(body_of(size))
    return root


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def descriptors_allowed(wanted=None):
    """RLIMIT_NOFILE for what is started: the hard limit, or what is wanted where this process may raise it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return max(hard, wanted) if wanted and may_raise_limits() else hard


def may_raise_limits():
    """CAP_SYS_RESOURCE; in a container root may lack it."""
    status = pathlib.Path("/proc/self/status").read_text(encoding="ascii")
    held = next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff:"))
    return bool(int(held, 16) >> 24 & 1)


def on_cpu(cpu, descriptors=None, cpus=None, limits=()):
    """A preexec_fn: run on that CPU (or those), with every descriptor allowed, and never outlive the driver."""
    libc = ctypes.CDLL(None)
    limit = descriptors_allowed(descriptors)

    def prepare():
        libc.prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
        os.sched_setaffinity(0, set(cpus or (cpu,)))
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
        for which, value in limits:
            resource.setrlimit(which, (value, value))

    return prepare


class Server:
    """One way to answer. `command` writes what it needs into `directory`; `path` is the target to ask for."""

    name = ""
    path = "/" + FILE

    def __init__(self, build):
        self.build = pathlib.Path(build)

    def check(self):
        """Raises Missing where it cannot run here."""

    def cannot(self, _setup):
        """What of this setup it cannot do, in words, or None."""
        return None

    def command(self, directory, root, port, setup):
        raise NotImplementedError

    def environment(self, _directory, _setup):
        return os.environ

    def own_enters(self, _output):
        """Enters per request of the server's whole life by its own count, or None."""
        return None

    @contextlib.contextmanager
    def running(self, cpu, setup):
        """Yields a Running that has accepted a connection; stops it whatever happens."""
        if reason := self.cannot(setup):
            raise Missing(f"{self.name}: {reason}")
        with tempfile.TemporaryDirectory(prefix="uringd-bench-") as directory:
            os.chmod(directory, 0o755)
            root = setup.root or make_root(directory, setup.size)
            port = free_port()
            command = self.command(pathlib.Path(directory), root, port, setup)
            with open(f"{directory}/output", "w+", encoding="utf-8", errors="replace") as output:
                process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                           cwd=directory, start_new_session=True,
                                           env=self.environment(directory, setup),
                                           preexec_fn=on_cpu(cpu, setup.descriptors, setup.cpus, setup.limits))
                running = Running(self, process, port, setup.cpus)
                try:
                    wait_for(process, port, self.name, output)
                    yield running
                    if process.poll() is not None:
                        raise Failed(f"{self.name} ended by itself ({process.returncode}): {tail(output)}")
                finally:
                    with undisturbed():
                        stop(process)
                    output.seek(0)
                    running.said = output.read()
                    running.enters = self.own_enters(running.said)


class Running:
    """A started server: its process, its port, and once it has stopped what it said, and the enters per request it
    counted itself."""

    def __init__(self, server, process, port, cpus=None):
        self.server, self.pid, self.port, self.cpus = server, process.pid, port, cpus
        self.enters, self.said = None, ""


def wait_for(process, port, name, output):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise Failed(f"{name} did not start (exit {process.returncode}): {tail(output)}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise Failed(f"{name} did not listen on port {port} within 10 s: {tail(output)}")


def tail(output):
    output.seek(0)
    return output.read()[-500:].strip() or "it said nothing"


def stop(process):
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # it leads a session of its own: its children too, which may outlive it
    process.wait()


@contextlib.contextmanager
def undisturbed():
    """For clean-up: a second Ctrl-C must not leave servers, mounts and loop devices behind."""
    before = {number: signal.signal(number, signal.SIG_IGN)
              for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def need_binary(path):
    if not os.access(path, os.X_OK):
        raise NotBuilt(f"{path} is not built (./dev bench builds it, or name another build directory with --build)")


def need_program(name, package, ask="-v"):
    """One that is there may still lack a library, where it was unpacked and not installed."""
    program = find(name)
    if not program:
        raise Missing(f"{name} is missing (Debian package {package})")
    done = subprocess.run([program, ask], capture_output=True, text=True, check=False, timeout=10)
    if done.returncode != 0:
        raise Missing(f"{name} does not start here: {done.stderr.strip()[-200:]}")


def filled(template, values):
    text = (HERE / "peers" / template).read_text()
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    return text
