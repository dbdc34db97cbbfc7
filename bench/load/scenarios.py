"""The scenarios that ask for one file, and what every scenario shares: rounds, turns, and what a turn measures.

Servers take turns (A B C A B C ...), so that a machine that changes its mood changes it for all. Each turn starts the
server, checks its answers, warms it up, takes the counters, lets the load run, takes the counters again, checks once
more and stops it.
"""
import contextlib
import dataclasses
import sys
import time

from load import client, machine
from load.servers import Failed, Setup, body_of


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

HOT_RATE = 200  # questions a second for the hot file, beside the load
SETTLE_SECONDS = 0.3  # from the start of the load until the first of them, and from the last until its end


def run(scenario, servers, connections, size, effort):
    """{server: [round, ...]}, {server: counts}: what each turn measured; system calls per request where countable."""
    rounds = take_turns(scenario.name, servers, effort.rounds,
                        lambda server, _number: turn(server, scenario, connections, size, effort))
    calls = {}
    if effort.count_calls and machine.SystemCalls.why_not() is None:
        for server in servers:
            progress(f"{scenario.name}: counting the system calls of {server.name}")
            calls[server.name] = count_calls(server, scenario, connections, size)
    progress("")
    return rounds, calls


def take_turns(name, servers, rounds, turn_of):
    """{server: [what turn_of(server, number of the round) returned, ...]}"""
    results = {server.name: [] for server in servers}
    for number in range(rounds):
        for server in servers:
            progress(f"{name}: round {number + 1} of {rounds}, {server.name}")
            results[server.name].append(turn_of(server, number))
    progress("")
    return results


def turn(server, scenario, connections, size, effort):
    server_cpu, generator_cpu = machine.cpus()

    def check(running):
        client.verify(running, body_of(size), scenario.depth, scenario.close)

    def load(running, seconds):
        return loaded(client.wrk(running, generator_cpu, connections, seconds, **load_of(scenario)))

    with server.running(server_cpu, Setup(size=size, close=scenario.close)) as running:
        check(running)
        if effort.warm_up:
            load(running, effort.warm_up)
        measured = measure(running, server_cpu, lambda: load(running, effort.seconds))
        check(running)
    return measured | {"enters_per_request": running.enters}


def load_of(scenario):
    return {"close": scenario.close, "script": ("pipelined.lua", scenario.depth) if scenario.depth > 1 else ()}


def loaded(load):
    """What wrk saw, in the words of a round."""
    return {
        "requests": load.requests,
        "requests_per_second": load.requests / load.seconds,
        "latency_us": load.latency_us,
        "generator_seconds": load.cpu_seconds,
        "errors": load.errors,
    }


def measure_beside_hot(running, server_cpu, generator_cpu, seconds, build, wrk):
    """As `measure`, of what `wrk` (arguments of client.wrk_beside) asks for while another client asks for the hot file:
    its figures are `hot`. The counters are taken while wrk runs; a server that keeps the hot client waiting lets that
    go on for longer. `load` is what wrk saw."""
    with contextlib.ExitStack() as stack:
        hot = None

        def load():
            nonlocal hot
            finish = stack.enter_context(client.wrk_beside(running, generator_cpu, seconds=seconds, **wrk))
            time.sleep(SETTLE_SECONDS)
            hot = stack.enter_context(client.pace_beside(build, running, generator_cpu, HOT_RATE,
                                                         seconds - 2 * SETTLE_SECONDS))
            seen = finish()
            # Answers that are no 2xx are counted by status where they matter.
            errors = [error for error in seen.errors if "Non-2xx" not in error]
            return loaded(seen) | {"load": seen, "errors": errors}

        measured = measure(running, server_cpu, load)
        load_seen = measured.pop("load")
        return measured | {"hot": hot()}, load_seen


def measure(running, server_cpu, load):
    """The counters around `load()`, which returns at least requests, generator_seconds and errors."""
    core = machine.CoreTime(server_cpu)
    usage = machine.Usage(running.pid)
    began = time.monotonic()
    seen = load()
    cpu_ns, sleeps = machine.Usage(running.pid) - usage
    elapsed = time.monotonic() - began
    core_later = machine.CoreTime(server_cpu)
    if seen["requests"] == 0 or cpu_ns == 0:
        raise Failed(f"{running.server.name} answered nothing: {seen['errors']}")
    return seen | {
        "seconds": elapsed,
        "cpu_seconds": cpu_ns / 1e9,
        "cpu_us_per_request": cpu_ns / 1e3 / seen["requests"],
        "sleeps_per_request": sleeps / seen["requests"],
        "enters_per_request": None,
        "server_busy": cpu_ns / 1e9 / elapsed,
        "generator_busy": seen["generator_seconds"] / elapsed,
        "others_busy": max(0.0, core_later.busy - core.busy - cpu_ns / 1e9) / elapsed,
        "idle": min(1.0, (core_later.idle - core.idle) / elapsed),
        "stolen": (core_later.stolen - core.stolen) / elapsed,
    }


def count_calls(server, scenario, connections, size):
    server_cpu, generator_cpu = machine.cpus()
    with server.running(server_cpu, Setup(size=size, close=scenario.close)) as running:
        counter = machine.SystemCalls(running.pid)
        try:
            load = client.wrk(running, generator_cpu, connections, 1, **load_of(scenario))
        finally:
            counts = counter.stop()
    return {name: count / max(load.requests, 1) for name, count in counts.items()}


def progress(text):
    """One line that rewrites itself, on a terminal only."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
