"""The scenarios: what is asked, in which rounds, and what a round measures.

Servers take turns (A B C A B C ...), so that a machine that changes its mood changes it for all. Each turn starts the
server, checks its answers, warms it up, takes the counters, lets wrk run, takes the counters again, checks once more
and stops it.
"""
import dataclasses
import sys
import time

from load import client, machine
from load.servers import Failed, body_of


@dataclasses.dataclass(frozen=True)
class Scenario:
    """One row of bench/README.md. `reach`: the most that uringd may cost, as a multiple of that server's CPU time."""

    name: str
    about: str
    connections: tuple = (64,)
    sizes: tuple = (1024,)
    depth: int = 1
    close: bool = False
    reach: dict = dataclasses.field(default_factory=dict)


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("hot", "one file, keep-alive connections", reach={"floor": 1.25, "nginx": 0.75}),
        Scenario("pipelined", "one file, keep-alive connections, 16 requests at once", depth=16),
        Scenario("churn", "one file, a new connection for each request", close=True),
    )
}


@dataclasses.dataclass(frozen=True)
class Effort:
    """How long to measure: rounds, and whole seconds of load and of warm-up in each turn."""

    rounds: int
    seconds: int
    warm_up: int
    count_calls: bool


FULL = Effort(rounds=5, seconds=3, warm_up=1, count_calls=True)
QUICK = Effort(rounds=2, seconds=1, warm_up=0, count_calls=False)


def run(scenario, servers, connections, size, effort):
    """{server: [round, ...]}, {server: counts}: what each turn measured; system calls per request where countable."""
    rounds = {server.name: [] for server in servers}
    for number in range(effort.rounds):
        for server in servers:
            progress(f"{scenario.name}: round {number + 1} of {effort.rounds}, {server.name}")
            rounds[server.name].append(turn(server, scenario, connections, size, effort))
    calls = {}
    if effort.count_calls and machine.SystemCalls.why_not() is None:
        for server in servers:
            progress(f"{scenario.name}: counting the system calls of {server.name}")
            calls[server.name] = count_calls(server, scenario, connections, size)
    progress("")
    return rounds, calls


def turn(server, scenario, connections, size, effort):
    server_cpu, generator_cpu = machine.cpus()
    with server.running(server_cpu, scenario, size) as running:
        client.verify(running, body_of(size), scenario.depth, scenario.close)
        if effort.warm_up:
            client.wrk(running, generator_cpu, connections, effort.warm_up, scenario)
        core = machine.CoreTime(server_cpu)
        usage = machine.Usage(running.pid)
        began = time.monotonic()
        load = client.wrk(running, generator_cpu, connections, effort.seconds, scenario)
        cpu_ns, sleeps = machine.Usage(running.pid) - usage
        elapsed = time.monotonic() - began
        core_later = machine.CoreTime(server_cpu)
        client.verify(running, body_of(size), scenario.depth, scenario.close)
    if load.requests == 0 or cpu_ns == 0:
        raise Failed(f"{server.name} answered nothing: {load.errors}")
    return {
        "requests": load.requests,
        "requests_per_second": load.requests / load.seconds,
        "cpu_us_per_request": cpu_ns / 1e3 / load.requests,
        "latency_us": load.latency_us,
        "sleeps_per_request": sleeps / load.requests,
        "enters_per_request": running.enters,
        "server_busy": cpu_ns / 1e9 / elapsed,
        "generator_busy": load.cpu_seconds / elapsed,
        "others_busy": max(0.0, core_later.busy - core.busy - cpu_ns / 1e9) / elapsed,
        "stolen": (core_later.stolen - core.stolen) / elapsed,
        "errors": load.errors,
    }


def count_calls(server, scenario, connections, size):
    server_cpu, generator_cpu = machine.cpus()
    with server.running(server_cpu, scenario, size) as running:
        counter = machine.SystemCalls(running.pid)
        try:
            load = client.wrk(running, generator_cpu, connections, 1, scenario)
        finally:
            counts = counter.stop()
    return {name: count / max(load.requests, 1) for name, count in counts.items()}


def progress(text):
    """One line that rewrites itself, on a terminal only."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
