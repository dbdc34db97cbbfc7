"""The clients: one that checks every byte of an answer (before and after timing), and wrk, which makes the load."""
import os
import pathlib
import re
import resource
import shutil
import socket
import subprocess

from load.servers import Failed, Missing, on_cpu

HERE = pathlib.Path(__file__).resolve().parent
UNITS = {"us": 1.0, "ms": 1e3, "s": 1e6, "m": 60e6}


def verify(running, body, depth, close):
    """Asks twice on one connection, `depth` requests at once, and compares status, length and every byte."""
    name = running.server.name
    close_field = "Connection: close\r\n" if close else ""
    request = f"GET {running.server.path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{close_field}\r\n".encode()
    with socket.create_connection(("127.0.0.1", running.port), timeout=10) as connection:
        answers = connection.makefile("rb")
        for _ in range(1 if close else 2):
            connection.sendall(request * depth)
            for _ in range(depth):
                read_answer(answers, body, name)
        if close and answers.read(1):
            raise Failed(f"{name}: bytes after an answer with Connection: close")


def read_answer(answers, body, name):
    status = answers.readline()
    if not status.startswith(b"HTTP/1.1 200 "):
        raise Failed(f"{name}: expected 200, got {status!r}")
    length = None
    while (line := answers.readline().strip()) != b"":
        field, _, value = line.partition(b":")
        if field.lower() == b"content-length":
            length = int(value)
    if length != len(body):
        raise Failed(f"{name}: Content-Length is {length}, the file has {len(body)} bytes")
    if answers.read(length) != body:
        raise Failed(f"{name}: the body differs from the file")


class Load:
    """One run of wrk: requests, seconds, latencies in us (closed loop: a slow answer delays the next question)."""

    def __init__(self, output, cpu_seconds):
        counted = re.search(r"(\d+) requests in ([\d.]+)(us|ms|s|m)", output)
        if not counted:
            raise Failed(f"wrk said something else than expected: {output[-300:]}")
        self.requests = int(counted[1])
        self.seconds = float(counted[2]) * UNITS[counted[3]] / 1e6
        self.cpu_seconds = cpu_seconds
        self.latency_us = {}
        for percentile in (50, 99):
            found = re.search(rf"^\s+{percentile}%\s+([\d.]+)(us|ms|s|m)\s*$", output, re.MULTILINE)
            # wrk prints 0 where its own correction of a pipelined run overflows: unknown, then.
            self.latency_us[f"p{percentile}"] = (float(found[1]) * UNITS[found[2]] or None) if found else None
        self.errors = [line.strip() for line in output.splitlines() if "Socket errors" in line or "Non-2xx" in line]


def check_wrk():
    if not shutil.which("wrk"):
        raise Missing("wrk is missing (Debian package wrk)")


def wrk(running, cpu, connections, seconds, scenario):
    """Runs wrk for whole seconds on that CPU."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "--latency"]
    if scenario.close:
        command += ["-H", "Connection: close"]
    if scenario.depth > 1:
        command += ["-s", str(HERE / "pipelined.lua")]
    command += [f"http://127.0.0.1:{running.port}{running.server.path}"]
    if scenario.depth > 1:
        command += ["--", str(scenario.depth)]
    before = children_seconds()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               start_new_session=True, preexec_fn=on_cpu(cpu), env={**os.environ, "LC_ALL": "C"})
    try:
        output = process.communicate(timeout=seconds + 30)[0]
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    if process.returncode != 0:
        raise Failed(f"wrk failed: {output[-300:]}")
    return Load(output, children_seconds() - before)


def children_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
