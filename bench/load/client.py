"""The generators: wrk, uringd_load (bench/load/generator.cpp), and a process that holds idle connections.

Each runs on a CPU of its own. `Ask` says what is asked for; both generators take it, so that a scenario may change its
generator and nothing else. What they saw comes back in the words of a round.
"""
import contextlib
import dataclasses
import json
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import tempfile

from load.answers import verify, verify_download  # noqa: F401 (what a scenario needs of a client is found here)
from load.servers import Failed, Missing, on_cpu

HERE = pathlib.Path(__file__).resolve().parent
UNITS = {"us": 1.0, "ms": 1e3, "s": 1e6, "m": 60e6}
MOST_FAILED = 0.001  # of the answers: more, and the figures are of something else
WRK, LOAD = "wrk", "uringd_load"


@dataclasses.dataclass(frozen=True)
class Ask:
    """A question, over and over: one path, or those of a file (`order`: "random", or "walk": one after the other)."""

    path: str = "/file.txt"
    headers: tuple = ()  # "Name: value"
    depth: int = 1  # requests at once on a connection
    close: bool = False  # a connection for each
    paths: pathlib.Path | None = None
    order: str = "random"
    statuses: tuple = (200,)
    drop: bool = False  # bodies are dropped in the kernel, unread
    threads: int = 1  # of the generator


class Load:
    """What a generator saw: requests, seconds, CPU seconds, latencies in us, and how many answers were not right."""

    def __init__(self, generator, requests, seconds, cpu_seconds, latency_us, bytes_=None):
        self.generator, self.requests, self.seconds, self.cpu_seconds = generator, requests, seconds, cpu_seconds
        self.latency_us, self.bytes = latency_us, bytes_
        self.errors, self.wrong, self.figures = [], 0, {}

    def none_wrong(self, running):
        """A wrong answer under load is worth no figure, and failures are a few at most."""
        failed = sum(self.figures.get(what, 0) for what in ("failures", "timeouts"))
        if self.wrong or failed > MOST_FAILED * self.requests:
            raise Failed(f"{running.server.name} answered wrongly under load, or not: {self.errors[0]}")
        return self

    def words(self):
        return {"requests": self.requests, "requests_per_second": self.requests / self.seconds,
                "load_seconds": self.seconds,
                "p50_us": self.latency_us.get("p50"), "p99_us": self.latency_us.get("p99"),
                "generator_seconds": self.cpu_seconds, "generator": self.generator, "errors": self.errors}


def check_wrk():
    if not shutil.which("wrk"):
        raise Missing("wrk is missing (Debian package wrk)")


@contextlib.contextmanager
def started(command, cpus, seconds):
    """Runs a generator on those CPUs; yields a function that waits for its end and returns what it printed."""
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True, start_new_session=True, preexec_fn=on_cpu(None, cpus=as_cpus(cpus)),
                               env={**os.environ, "LC_ALL": "C"})

    def finish():
        try:
            output, said = process.communicate(timeout=seconds + 150)
        except subprocess.TimeoutExpired:
            raise Failed(f"{pathlib.Path(command[0]).name} did not end") from None
        if process.returncode != 0:
            raise Failed(f"{pathlib.Path(command[0]).name} failed: {(output + said)[-300:]}")
        return output

    try:
        yield finish
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def as_cpus(cpus):
    return (cpus,) if isinstance(cpus, int) else tuple(cpus)


# --- wrk --------------------------------------------------------------------------------------------------------------

@contextlib.contextmanager
def wrk_beside(running, cpus, connections, seconds, ask):
    """Starts wrk for whole seconds (closed loop); yields a function that waits for its end and returns the Load."""
    if ask.paths or ask.depth > 1 or ask.drop or ask.statuses[0] == 206:
        raise Failed("wrk asks for one whole file, one request at a time: this scenario needs uringd_load")
    command = ["wrk", f"-t{ask.threads}", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "10s",
               "--latency"]
    for header in (*ask.headers, *(("Connection: close",) if ask.close else ())):
        command += ["-H", header]
    command.append(f"http://127.0.0.1:{running.port}{ask.path}")
    before = children_seconds()
    with started(command, cpus, seconds) as finish:
        yield lambda: wrk_saw(finish(), children_seconds() - before, ask)


def wrk_saw(output, cpu_seconds, ask):
    counted = re.search(r"(\d+) requests in ([\d.]+)(us|ms|s|m)", output)
    if not counted:
        raise Failed(f"wrk said something else than expected: {output[-300:]}")
    latency_us = {}
    for percentile in (50, 99):
        found = re.search(rf"^\s+{percentile}%\s+([\d.]+)(us|ms|s|m)\s*$", output, re.MULTILINE)
        latency_us[f"p{percentile}"] = float(found[1]) * UNITS[found[2]] if found else None
    load = Load(WRK, int(counted[1]), float(counted[2]) * UNITS[counted[3]] / 1e6, cpu_seconds, latency_us)
    load.errors = [line.strip() for line in output.splitlines() if "Socket errors" in line]
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    refused = int(refused[1]) if refused else 0
    wanted = load.requests if ask.statuses[0] >= 400 else 0
    if refused != wanted:
        load.wrong = abs(refused - wanted)
        load.errors.append(f"{refused} of {load.requests} answers were neither 2xx nor 3xx")
    return load


# --- uringd_load ------------------------------------------------------------------------------------------------------

@contextlib.contextmanager
def load_beside(build, running, cpus, connections, seconds, ask, rate=None, more=()):
    """Starts uringd_load: a closed loop, or with a `rate` an open one, each answer timed from when its question was
    due. Yields a function that waits for its end and returns the Load."""
    command = [build / "bench/uringd_load", running.port, "--connections", connections, "--seconds", seconds]
    if ask.paths:
        command += ["--paths", ask.paths, "--order", ask.order]
    else:
        command += ["--path", ask.path]
    for header in ask.headers:
        command += ["--header", header]
    if ask.depth > 1:
        command += ["--depth", ask.depth]
    command += [*(("--rate", rate) if rate else ()), *(("--close",) if ask.close else ()),
                *(("--drop",) if ask.drop else ()), "--status", ",".join(map(str, ask.statuses)), *more]
    with started(command, cpus, seconds) as finish:
        yield lambda: load_saw(finish(), running, ask)


def load_saw(output, running, ask):
    figures = json.loads(output)
    latency_us = {"p999" if name == "p99.9" else name: value for name, value in figures["latency_us"].items()}
    load = Load(LOAD, figures["requests"], max(figures["seconds"], 1e-9), figures["cpu_seconds"], latency_us,
                figures["bytes"])
    load.figures, load.wrong = figures, figures["wrong"]
    for what in ("wrong", "failures", "timeouts"):
        if figures[what]:
            load.errors.append(f"{what}: {figures[what]} beside {figures['requests']} answers {figures['statuses']}")
    if figures["reconnects"] and not ask.close:
        load.errors.append(f"the server closed {figures['reconnects']} connections that were to be kept")
    if not figures["requests"]:
        raise Failed(f"{running.server.name} answered nothing: {output[-300:]}")
    return load


def beside(generator, build, running, cpus, connections, seconds, ask):
    """A closed loop by that generator."""
    if generator == WRK:
        return wrk_beside(running, cpus, connections, seconds, ask)
    return load_beside(build, running, cpus, connections, seconds, ask)


def loaded(generator, build, running, cpus, connections, seconds, ask):
    with beside(generator, build, running, cpus, connections, seconds, ask) as finish:
        return finish()


@contextlib.contextmanager
def hot_beside(build, running, cpu, rate, seconds, body):
    """One client that asks for the hot file at a fixed rate, ahead of all others on its CPU (SCHED_FIFO where it may);
    yields a function that waits for the end and returns its figures: p50_us, p99_us, max_us, late_us (its own p99),
    unavailable (503), wrong (anything else)."""
    with tempfile.NamedTemporaryFile(prefix="uringd-bench-") as right:
        right.write(body or b"")
        right.flush()
        ask = Ask(path=running.server.path, statuses=(200, 503))
        more = ("--realtime", "--patience", 60, *(("--expect", right.name) if body is not None else ()))
        with load_beside(build, running, cpu, 1, seconds, ask, rate, more) as finish:
            yield lambda: hot_saw(finish().figures)


def hot_saw(figures):
    return {f"{name}_us": figures["latency_us"][name] for name in ("p50", "p99", "max")} | {
        "late_us": figures["late_us"]["p99"], "unavailable": figures["statuses"].get("503", 0),
        "wrong": figures["wrong"] + figures["failures"] + figures["timeouts"], "unanswered": figures["unanswered"]}


def drain(build, running, cpu, path, clients, seconds):
    """Downloads one file again and again, its bytes dropped in the kernel: bytes, seconds, failures, cpu_seconds."""
    with load_beside(build, running, cpu, clients, seconds, Ask(path=path, drop=True)) as finish:
        figures = finish().figures
    return figures | {"failures": figures["failures"] + figures["wrong"] + figures["timeouts"]}


# --- idle connections -------------------------------------------------------------------------------------------------

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
