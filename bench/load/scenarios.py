"""What every scenario shares: rounds, turns, what a turn measures, and how a line of the table (table.py) is run.

Servers take turns (A B C A B C ...), so that a machine that changes its mood changes it for all. Each turn starts the
server, checks its answers, warms it up, takes the counters, lets the load run, takes the counters again, checks once
more and stops it. First come the rounds of a closed loop: what a request costs when there is always a next one. Then
rounds at a fixed rate, which all these servers can hold, for latencies: in a closed loop a slow answer delays the next
question, so that pauses hide themselves.
"""
import contextlib
import dataclasses
import math
import sys
import time

from load import client, machine, report
from load.servers import Failed, Missing


@dataclasses.dataclass(frozen=True)
class Effort:
    """How long to measure: rounds, and seconds of load and of warm-up in each turn. Paced: those at a fixed rate."""

    rounds: int
    seconds: float
    warm_up: float
    count_calls: bool
    paced_rounds: int = 0
    paced_seconds: float = 0


FULL = Effort(rounds=5, seconds=2, warm_up=1, count_calls=True, paced_rounds=3, paced_seconds=2)
QUICK = Effort(rounds=1, seconds=1, warm_up=0, count_calls=False, paced_rounds=1, paced_seconds=0.3)

HOT_RATE = 200  # questions a second for the hot file, beside the load
SETTLE_SECONDS = 0.3  # from the start of the load until the first of them, and from the last until its end
LATE_MS = 1  # of the generator's own p99, from which on the latencies are its own
RATE_OF_SLOWEST = 0.5  # the fixed rate, as a part of what the slowest server reached in the closed loop


def run(row, servers, options):
    """Yields the measurements of every case of a row of the table, as they are made."""
    count, reasons = 0, []
    absent = [f"left out: {options.absent[name]}" for name in row.servers if name in options.absent]
    for case in row.cases_of(options):
        try:
            with row.work(row, case, options) as work:
                contenders, notes = fit(work, work.contenders(servers))
                notes = [*absent, *notes, *work.notes]
                for measured in run_case(row, case, work, contenders, row.effort_of(options, case), notes):
                    print(f"\n{row.name}: {row.about}; {measured['label']}: {measured['figure']}")
                    print("\n".join([report.table_of(measured), *report.lines_of(measured)]), flush=True)
                    count += 1
                    yield measured
        except Missing as missing:
            reasons.append(f"{row.name}, {case.label}: {missing}")
    if not count:
        raise Missing("; ".join(reasons))
    for reason in reasons:
        print(f"left out: {reason}")


def fit(work, servers):
    """Those that can do this work at all, each asked once, and why the others are left out."""
    able, notes = [], []
    for server in servers:
        progress(f"{work.row.name}: may {server.name} take part?")
        try:
            if reason := server.cannot(work.setup_of(server)):
                raise Missing(f"{server.name}: {reason}")
            if work.trial:
                with server.running(machine.cpus()[0], work.setup_of(server)) as running:
                    work.tried(running, work.ask(running))
            able.append(server)
        except (Missing, Failed) as reason:
            if not report.packaged(server.name):
                raise Failed(reason) from None
            notes.append(f"left out: {reason}")
    progress("")
    if not able:
        raise Missing(f"{work.row.name}: no server can: {'; '.join(notes)}")
    return able, notes


def run_case(row, case, work, servers, effort, notes):
    name = f"{row.name}, {case.label}"
    notes, rate, paced = list(notes), None, {}
    rounds = take_turns(name, servers, effort.rounds,
                        lambda server, number: closed_turn(work, server, number, effort), notes)
    servers = [server for server in servers if server.name in rounds]
    if effort.paced_rounds and row.paced:
        rate = fixed_rate(rounds)
        paced = take_turns(f"{name}, {rate} requests/s", servers, effort.paced_rounds,
                           lambda server, number: paced_turn(work, server, number, effort, rate), notes)
    more = report.more_of(rounds, counted_calls(work, servers, effort), paced, rate)
    notes = [*notes, *report.doubts(rounds), *paced_doubts(paced, rate)]
    yield report.measurement(row.name, case.label, row.figure, "us", rounds, "cpu_us_per_request",
                             reach=row.reach(case), more=more, notes=notes)
    if row.hot_beside:
        yield report.measurement(row.name, case.label, "p99 of a hot client beside it, ms", "ms", rounds,
                                 lambda turn: turn["hot"]["p99_us"] / 1e3, notes=hot_notes(rounds))


def take_turns(name, servers, rounds, turn_of, notes=None):
    """{server: [what turn_of(server, number of the round) returned, ...]}. With `notes` a peer that fails is left
    out from then on, and they say why; uringd itself may not fail."""
    results = {server.name: [] for server in servers}
    for number in range(rounds):
        for server in [server for server in servers if server.name in results]:
            progress(f"{name}: round {number + 1} of {rounds}, {server.name}")
            try:
                results[server.name].append(turn_of(server, number))
            except (Failed, Missing) as failed:
                if notes is None or not report.packaged(server.name):
                    raise
                del results[server.name]
                notes.append(f"left out: {failed}")
    progress("")
    if not results:
        raise Missing(f"{name}: no server is left")
    return results


@contextlib.contextmanager
def serving(work, server, number):
    """Yields (running, what to ask) of a server whose answers were right, and right again afterwards."""
    with server.running(machine.cpus()[0], work.setup_of(server)) as running:
        ask = work.ask(running, number)
        yield running, ask
        work.check(running)


def closed_turn(work, server, number, effort):
    with serving(work, server, number) as (running, ask):
        work.warm_up(running, ask, effort.warm_up)
        measured = measure(running, machine.cpus()[0], lambda: work.load(running, ask, effort.seconds))
    return measured | {"enters_per_request": running.enters}


def paced_turn(work, server, number, effort, rate):
    def load():
        with client.load_beside(work.build, running, machine.cpus()[1], work.connections, effort.paced_seconds, ask,
                                rate) as finish:
            seen = finish().none_wrong(running)
        return seen.words() | {f"{name}_us": value for name, value in seen.latency_us.items()} | {
            "late_us": seen.figures["late_us"]["p99"], "unanswered": seen.figures["unanswered"]}

    with serving(work, server, number) as (running, ask):
        work.warm_up(running, ask, effort.warm_up)
        return measure(running, machine.cpus()[0], load)


def fixed_rate(rounds):
    """Two digits are enough to say it by."""
    slowest = min(turn["requests_per_second"] for turns in rounds.values() for turn in turns) * RATE_OF_SLOWEST
    digit = 10 ** max(0, math.floor(math.log10(slowest)) - 1)
    return max(1, int(slowest // digit * digit))


def paced_doubts(paced, rate):
    lines = []
    for name, turns in paced.items():
        held = min(turn["requests_per_second"] for turn in turns)
        if held < 0.95 * rate:
            lines.append(f"{name}: held {held:.0f} of {rate} requests/s: its latencies at that rate have no end")
        errors = [error for turn in turns for error in turn["errors"]]
        if errors:
            lines.append(f"{name}, at {rate}/s: the generator saw errors: {errors[0]}")
    late_ms = {name: max(turn["late_us"] for turn in turns) / 1e3 for name, turns in paced.items()}
    return lines + report.those_above(LATE_MS, late_ms, "the generator itself was late (its p99, ms)", ".1f")


def hot_notes(rounds):
    lines = []
    for name, turns in rounds.items():
        for key, words in (("unavailable", "503"), ("wrong", "wrong answers or none")):
            count = sum(turn["hot"][key] for turn in turns)
            if count:
                lines.append(f"{name}: the hot client got {words} {count} times")
    return lines


@contextlib.contextmanager
def hot_client(running, build, seconds, body):
    """Yields a function to call once the load runs: it starts the hot client, `seconds` of load in all; what that
    returns waits for its end."""
    with contextlib.ExitStack() as stack:
        def begin():
            time.sleep(SETTLE_SECONDS)
            return stack.enter_context(client.hot_beside(build, running, machine.cpus()[1], HOT_RATE,
                                                         seconds - 2 * SETTLE_SECONDS, body))

        yield begin


def measure(running, server_cpu, load):
    """The counters around `load()`, which returns at least requests, generator_seconds and errors."""
    generator_cpu = machine.cpus()[1]
    core, other_core = machine.CoreTime(server_cpu), machine.CoreTime(generator_cpu)
    usage, clients = machine.Usage(running.pid), client.children_seconds()
    began = time.monotonic()
    seen = load()
    cpu_ns, sleeps = machine.Usage(running.pid) - usage
    elapsed = time.monotonic() - began
    core_later, other_core_later = machine.CoreTime(server_cpu), machine.CoreTime(generator_cpu)
    clients = client.children_seconds() - clients  # their starts too, which no generator counts
    spread_out = len(running.cpus or ()) > 1  # which core it ran on is not known
    if seen["requests"] == 0 or cpu_ns == 0:
        raise Failed(f"{running.server.name} answered nothing: {seen['errors']}")
    return seen | {
        "seconds": elapsed,
        "cpu_seconds": cpu_ns / 1e9,
        "cpu_us_per_request": cpu_ns / 1e3 / seen["requests"],
        "sleeps_per_request": sleeps / seen["requests"],
        "enters_per_request": None,
        "server_busy": cpu_ns / 1e9 / elapsed,
        "generator_busy": seen["generator_seconds"] / seen.get("load_seconds", elapsed),
        "others_busy": 0.0 if spread_out else max(0.0, core_later.busy - core.busy - cpu_ns / 1e9) / elapsed,
        "others_beside_generator": 0.0 if spread_out or generator_cpu == server_cpu else
                                   max(0.0, other_core_later.busy - other_core.busy - clients) / elapsed,
        "idle": min(1.0, (core_later.idle - core.idle) / elapsed),
        "stolen": (core_later.stolen - core.stolen) / elapsed,
    }


def counted_calls(work, servers, effort):
    """{server: system calls and enters per request} by perf, where it can count, in turns of their own: it costs."""
    if not effort.count_calls or machine.SystemCalls.why_not() is not None:
        return {}
    counts = {}
    for server in servers:
        with contextlib.suppress(Failed, Missing):  # its timed turns were right: they stand
            counts[server.name] = count_calls(work, server)
    return counts


def count_calls(work, server):
    progress(f"{work.row.name}: counting the system calls of {server.name}")
    with serving(work, server, 0) as (running, ask):
        counter = machine.SystemCalls(running.pid)
        try:
            requests = work.load(running, ask, 1)["requests"]
        finally:
            counts = counter.stop()
    progress("")
    return {f"{name}_per_request": count / max(requests, 1) for name, count in counts.items()}


def progress(text):
    """One line that rewrites itself, on a terminal only."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
