"""The servers under test: started on a core, a free port and a temporary directory of their own, stopped by pid.

A server lives for one round: memory placement differs from start to start and should be part of the spread, not of one
server's luck. `Missing` says which package or target a server that cannot be started needs.
"""
import contextlib
import ctypes
import getpass
import os
import pathlib
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time

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


def make_root(directory, size):
    root = pathlib.Path(directory) / "root"
    root.mkdir()
    (root / FILE).write_bytes(body_of(size))
    return root


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def on_cpu(cpu):
    """A preexec_fn: run on that CPU, with every descriptor allowed, and never outlive the driver."""
    libc = ctypes.CDLL(None)

    def prepare():
        libc.prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
        os.sched_setaffinity(0, {cpu})
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    return prepare


class Server:
    """One way to answer. `command` writes what it needs into `directory`; `path` is the target to ask for."""

    name = ""
    path = "/" + FILE

    def __init__(self, build):
        self.build = pathlib.Path(build)

    def check(self):
        """Raises Missing where it cannot run here."""

    def command(self, directory, root, port, scenario):
        raise NotImplementedError

    def own_enters(self, _output):
        """Enters per request of the server's whole life by its own count, or None."""
        return None

    @contextlib.contextmanager
    def running(self, cpu, scenario, size):
        """Yields a Running that has accepted a connection; stops it whatever happens."""
        with tempfile.TemporaryDirectory(prefix="uringd-bench-") as directory:
            os.chmod(directory, 0o755)
            root = make_root(directory, size)
            port = free_port()
            command = self.command(pathlib.Path(directory), root, port, scenario)
            with open(f"{directory}/output", "w+", encoding="utf-8", errors="replace") as output:
                process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                           cwd=directory, start_new_session=True, preexec_fn=on_cpu(cpu))
                running = Running(self, process, port)
                try:
                    wait_for(process, port, self.name, output)
                    yield running
                    if process.poll() is not None:
                        raise Failed(f"{self.name} ended by itself ({process.returncode}): {tail(output)}")
                finally:
                    stop(process)
                    output.seek(0)
                    running.enters = self.own_enters(output.read())


class Running:
    """A started server: its process, its port, and once it has stopped the enters per request it counted itself."""

    def __init__(self, server, process, port):
        self.server, self.pid, self.port = server, process.pid, port
        self.enters = None


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
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


def need_binary(path):
    if not os.access(path, os.X_OK):
        raise NotBuilt(f"{path} is not built (./dev bench builds it, or name another build directory with --build)")


class Floor(Server):
    name = "floor"

    def check(self):
        need_binary(self.build / "bench/uringd_floor")

    def command(self, directory, root, port, scenario):
        size = (root / FILE).stat().st_size
        return [self.build / "bench/uringd_floor", str(port), str(size)] + (["close"] if scenario.close else [])

    def own_enters(self, output):
        words = output.split()  # requests N enters M
        return int(words[3]) / int(words[1]) if len(words) == 4 and int(words[1]) else None


class Uringd(Server):
    name = "uringd"

    def check(self):
        need_binary(self.build / "src/uringd")

    def command(self, directory, root, port, scenario):
        config = directory / "config.toml"
        config.write_text(f'[server]\nlisten = ["127.0.0.1:{port}"]\nworkers = 1\n\n[[site]]\nroot = "{root}"\n')
        return [self.build / "src/uringd", "--config", str(config)]


class Nginx(Server):
    name = "nginx"
    settings = {"SENDFILE": "on", "NOPUSH": "on"}

    def check(self):
        if not shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"):
            raise Missing("nginx is missing (Debian package nginx-light or nginx)")

    def command(self, directory, root, port, scenario):
        text = (HERE / "peers/nginx.conf").read_text()
        values = {"DIR": directory, "ROOT": root, "PORT": port, "USER": getpass.getuser(), **self.settings}
        for name, value in values.items():
            text = text.replace(f"@{name}@", str(value))
        config = directory / "nginx.conf"
        config.write_text(text)
        binary = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
        return [binary, "-e", f"{directory}/error.log", "-p", str(directory), "-c", str(config)]


class NginxCopy(Nginx):
    """Without sendfile nginx reads and writes small files; some of its experts prefer that for them."""

    name = "nginx-copy"
    settings = {"SENDFILE": "off", "NOPUSH": "off"}


class NginxNoPush(Nginx):
    """tcp_nopush stalls pipelined batches for 40 ms: less CPU, few answers. Without it: more CPU, no stalls."""

    name = "nginx-nopush-off"
    settings = {"SENDFILE": "on", "NOPUSH": "off"}


SERVERS = {kind.name: kind for kind in (Floor, Uringd, Nginx, NginxCopy, NginxNoPush)}
