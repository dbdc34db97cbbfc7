"""The clients: one that checks every byte of an answer (before and after timing), and wrk, which makes the load."""
import contextlib
import json
import os
import pathlib
import re
import resource
import shutil
import socket
import subprocess
import sys

from load.servers import Failed, Missing, on_cpu

HERE = pathlib.Path(__file__).resolve().parent
UNITS = {"us": 1.0, "ms": 1e3, "s": 1e6, "m": 60e6}


def verify(running, body, depth=1, close=False, path=None, status=b"200"):
    """Asks twice on one connection, `depth` requests at once, and compares status, length and every byte. A body of
    None may be anything."""
    name = running.server.name
    close_field = "Connection: close\r\n" if close else ""
    request = f"GET {path or running.server.path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{close_field}\r\n".encode()
    with socket.create_connection(("127.0.0.1", running.port), timeout=60) as connection:
        answers = connection.makefile("rb")
        for _ in range(1 if close else 2):
            connection.sendall(request * depth)
            for _ in range(depth):
                read_answer(answers, body, name, status)
        if close and answers.read(1):
            raise Failed(f"{name}: bytes after an answer with Connection: close")


def read_answer(answers, body, name, status):
    length = read_head(answers, name, status)
    if body is not None and length != len(body):
        raise Failed(f"{name}: Content-Length is {length}, the file has {len(body)} bytes")
    got = answers.read(length)
    if len(got) != length or (body is not None and got != body):
        raise Failed(f"{name}: the body differs from the file")


def read_head(answers, name, status=b"200"):
    """The Content-Length of an answer."""
    line = answers.readline()
    if not line.startswith(b"HTTP/1.1 " + status + b" "):
        raise Failed(f"{name}: expected {status.decode()}, got {line!r}")
    length = None
    while (line := answers.readline().strip()) != b"":
        field, _, value = line.partition(b":")
        if field.lower() == b"content-length":
            length = int(value)
    if length is None:
        raise Failed(f"{name}: an answer without Content-Length")
    return length


def verify_download(running, path, file):
    """Downloads it once and compares every byte."""
    name = running.server.name
    with socket.create_connection(("127.0.0.1", running.port), timeout=20) as connection, open(file, "rb") as right:
        answers = connection.makefile("rb", buffering=1 << 20)
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        length = read_head(answers, name)
        if length != os.fstat(right.fileno()).st_size:
            raise Failed(f"{name}: Content-Length of {path} is {length}")
        while piece := right.read(1 << 20):
            if answers.read(len(piece)) != piece:
                raise Failed(f"{name}: {path} differs from the file")


class Load:
    """One run of wrk: requests, seconds, latencies in us (closed loop: a slow answer delays the next question)."""

    def __init__(self, output, cpu_seconds, at_end=None):
        counted = re.search(r"(\d+) requests in ([\d.]+)(us|ms|s|m)", output)
        if not counted:
            raise Failed(f"wrk said something else than expected: {output[-300:]}")
        self.requests = int(counted[1])
        self.seconds = float(counted[2]) * UNITS[counted[3]] / 1e6
        self.cpu_seconds = cpu_seconds
        self.at_end = at_end
        self.latency_us = {}
        for percentile in (50, 99):
            found = re.search(rf"^\s+{percentile}%\s+([\d.]+)(us|ms|s|m)\s*$", output, re.MULTILINE)
            # wrk prints 0 where its own correction of a pipelined run overflows: unknown, then.
            self.latency_us[f"p{percentile}"] = (float(found[1]) * UNITS[found[2]] or None) if found else None
        counted = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
        self.refused = int(counted[1]) if counted else 0
        counted = re.search(r"^unavailable (\d+) wrong (\d+)$", output, re.MULTILINE)  # walk.lua
        self.unavailable, self.wrong = (int(counted[1]), int(counted[2])) if counted else (0, 0)
        self.errors = [line.strip() for line in output.splitlines() if "Socket errors" in line or "Non-2xx" in line]


def check_wrk():
    if not shutil.which("wrk"):
        raise Missing("wrk is missing (Debian package wrk)")


@contextlib.contextmanager
def generator(command, cpu, seconds):
    """Runs one on that CPU; yields a function that waits for its end and returns what it printed."""
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               text=True, start_new_session=True, preexec_fn=on_cpu(cpu),
                               env={**os.environ, "LC_ALL": "C"})

    def finish():
        output = process.communicate(timeout=seconds + 150)[0]
        if process.returncode != 0:
            raise Failed(f"{pathlib.Path(command[0]).name} failed: {output[-300:]}")
        return output

    try:
        yield finish
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


@contextlib.contextmanager
def wrk_beside(running, cpu, connections, seconds, close=False, script=(), path=None, at_end=None):
    """Starts wrk for whole seconds; yields a function that waits for its end and returns the Load, with what `at_end()`
    returned then."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "--latency"]
    if close:
        command += ["-H", "Connection: close"]
    if script:
        command += ["-s", HERE / script[0]]
    command += [f"http://127.0.0.1:{running.port}{path or running.server.path}"]
    if script:
        command += ["--", *script[1:]]
    before = children_seconds()
    with generator(command, cpu, seconds) as finish:
        def ended():
            output = finish()
            return Load(output, children_seconds() - before, at_end() if at_end else None)

        yield ended


def wrk(running, cpu, connections, seconds, **how):
    with wrk_beside(running, cpu, connections, seconds, **how) as finish:
        return finish()


@contextlib.contextmanager
def pace_beside(build, running, cpu, rate, seconds, size=1024):
    """Starts asking for the hot file at a fixed rate on a connection of its own (pace.cpp); yields a function that
    waits for the end and returns its figures."""
    command = [build / "bench/uringd_pace", running.port, running.server.path, rate, seconds, size]
    with generator(command, cpu, seconds) as finish:
        yield lambda: json.loads(finish())


def drain(build, running, cpu, path, clients, seconds):
    """Downloads one file (drain.cpp): its figures, and the CPU seconds it took."""
    before = children_seconds()
    with generator([build / "bench/uringd_drain", running.port, path, clients, seconds], cpu, seconds) as finish:
        figures = json.loads(finish())
    return figures | {"cpu_seconds": children_seconds() - before}


class Held:
    """Connections that hold.py keeps open."""

    def __init__(self, process, count, name):
        self.process, self.count, self.name = process, count, name

    def check(self):
        """Raises Failed where the server has closed some."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        still = self.process.stdout.readline().strip()
        if still != str(self.count):
            raise Failed(f"{self.name}: {still or 'none'} of {self.count} idle connections are still open")


@contextlib.contextmanager
def idle_connections(running, cpu, count):
    """Holds `count` connections on which one answer has come."""
    command = [sys.executable, "-B", HERE / "hold.py", str(running.port), running.server.path, str(count)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True, start_new_session=True, preexec_fn=on_cpu(cpu, count + 1000))
    try:
        if process.stdout.readline().strip() != "held":
            said = process.stderr.read()[-300:]
            raise Failed(f"{running.server.name}: {count} connections could not be held: {said}")
        yield Held(process, count, running.server.name)
    finally:
        process.kill()
        process.communicate()


def children_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
