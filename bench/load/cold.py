"""cold: many clients ask for files that nobody holds, on a disk that takes its time, while one asks for a hot file.

The question is whether a slow disk touches a hot request. The clients that read cold files are a closed loop, no file
twice; the hot file is asked for at a fixed rate, on the same core but ahead of them.
"""
import contextlib
import pathlib
import random
import re
import tempfile
import time

from load import client, machine, report, scenarios, slow, tree
from load.report import Reach
from load.servers import Missing, Setup, body_of

NAME = "cold"
ABOUT = "256 connections read cold files of a tree on a slow disk, beside one that asks for a hot file at a fixed rate"
APACHE = "apache2-1024-threads"
SERVERS = ("uringd", "nginx", "nginx-aio-threads", "nginx-32-workers", "lighttpd", "lighttpd-32-workers", "h2o",
           "h2o-32-threads", APACHE, "caddy")
PROGRAMS = ("uringd_slow_image", "uringd_load")
APACHE_MIB = 17  # what Apache's threads take, where it is not here to be measured
MEBIBYTE = 1 << 20
DISK_PERCENT = 95  # of the disk's rate: a turn begins and ends without a queue
COLUMNS = (
    ("hot p50 ms", lambda turn: turn["hot"]["p50_us"] / 1e3, "~.2f"),
    ("hot p99 ms", lambda turn: turn["hot"]["p99_us"] / 1e3, "~.2f"),
    ("hot max ms", lambda turn: turn["hot"]["max_us"] / 1e3, ".1f"),
    ("hot 503", lambda turn: turn["hot"]["unavailable"], "g"),
    ("hot failed", lambda turn: turn["hot"]["wrong"], "g"),
    ("cold/s", "cold_per_second", "~.0f"),
    ("cold 503", "unavailable", "g"),
    ("disk ops/s", "disk_per_second", ".0f"),
    ("of limit %", "of_limit", "~.0f"),
    ("+MiB", "growth_mib", ".1f"),
    ("RSS MiB", "resident_mib", ".0f"),
    ("less cache", "beside_cache_mib", ".1f"),
    ("busy", "server_busy", ".0%"),
    ("idle", "idle", ".0%"),
)


def run(servers, options):
    slow.check(options.build)
    effort = options.effort(rounds=3, seconds=6)
    files = options.files or (tree.QUICK_FILES if options.quick else tree.FILES)
    connections = (options.connections or (32 if options.quick else 256,))[0]
    delay_ms = options.delay_ms or 8
    results = []
    with tempfile.NamedTemporaryFile("w", prefix="uringd-bench-") as questions:
        order = list(range(files))
        random.Random(1).shuffle(order)
        questions.write("".join(f"{tree.path_of(number)}\n" for number in order))
        questions.flush()
        for kind in (slow.Image, slow.Names):
            with contextlib.ExitStack() as stack:
                try:
                    disk = stack.enter_context(kind(options.build, files, delay_ms, options.at_once))
                except Missing as missing:
                    print(f"left out: {missing}")
                    continue
                results += on(disk, servers, connections, effort, questions.name, options)
    if not results:
        raise Missing("cold: no slow disk can be had here")
    return results


def on(disk, servers, connections, effort, questions, options):
    notes = []
    rounds = scenarios.take_turns(f"cold, slow {disk.name}", servers, effort.rounds,
                                  lambda server, _number: turn(server, disk, connections, effort, questions, options),
                                  notes)
    measured = measurements(disk, rounds, notes)
    print(f"\ncold: {disk.what} takes {disk.delay_ms} ms, {options.at_once} at once; {disk.files} files of {tree.SIZE} "
          f"bytes, {connections} connections, {scenarios.HOT_RATE} hot requests/s, "
          f"{effort.rounds} rounds of {effort.seconds} s")
    print(report.medians(rounds, COLUMNS))
    print("\n".join(line for each in measured for line in report.lines_of(each)), flush=True)
    return measured


def turn(server, disk, connections, effort, questions, options):
    server_cpu, generator_cpu = machine.cpus()
    ask = client.Ask(paths=pathlib.Path(questions), order="walk", statuses=(200, 503))
    with disk.mounted() as mounted, server.running(server_cpu, Setup(root=mounted.root)) as running, \
            scenarios.hot_client(running, options.build, effort.seconds, body_of(1024)) as begin:
        client.verify(running, body_of(1024))  # the hot file is hot now
        before, resident, hot = mounted.count(), machine.resident_kib(running.pid), None

        def load():
            nonlocal hot
            began = time.monotonic()
            with client.load_beside(options.build, running, generator_cpu, connections, effort.seconds, ask,
                                    more=("--once",)) as finish:
                hot = begin()
                seen = finish().none_wrong(running)
            return seen.words() | {
                "disk_per_second": (mounted.count() - before) / (time.monotonic() - began),
                "resident_mib": machine.resident_kib(running.pid) / 1024,
                "unavailable": seen.figures["statuses"].get("503", 0)}

        measured = scenarios.measure(running, server_cpu, load) | {"hot": hot()}
        for path, text in tree.samples(disk.files):
            client.verify(running, text, path=path)
        client.verify(running, body_of(1024))
    return measured | figures_of(measured, resident / 1024, held_mib(running.said), disk)


def figures_of(measured, resident_mib, held, disk):
    files, seconds = measured["requests"] - measured["unavailable"], measured["load_seconds"]
    needed = (files * disk.per_file + disk.shared) / seconds  # who reads more for a file is no faster
    return {"cold_per_second": files / seconds,
            "of_limit": 100 * min(needed, measured["disk_per_second"]) / disk.limit,
            "growth_mib": measured["resident_mib"] - resident_mib, "held_mib": held,
            "beside_cache_mib": measured["resident_mib"] - (held or 0)}


def held_mib(said):
    """The files in uringd's cache at its end, by the account that each worker then logs: at most as many as were ever
    put there, and as went because of the end. None: no account."""
    cached, closing = (map(int, re.findall(rf"\b{name}=(\d+)", said)) for name in ("cached", "gone_closing"))
    files = [min(pair) for pair in zip(cached, closing)]
    return sum(files) * tree.SIZE / MEBIBYTE if files else None


def measurements(disk, rounds, notes):
    label = f"slow {disk.name}, {disk.delay_ms} ms, {disk.files} files"
    more = report.more_of(rounds)
    for name, turns in rounds.items():
        for key in ("cold_per_second", "disk_per_second", "growth_mib", "resident_mib", "idle"):
            more[name][key] = report.spread([turn[key] for turn in turns])
        for key in ("p50_us", "p99_us", "max_us"):
            more[name][f"hot_{key}"] = report.spread([turn["hot"][key] for turn in turns])
        more[name]["hot_p50_ms"] = more[name]["hot_p50_us"]["median"] / 1e3
    late = max(turn["hot"]["late_us"] for turns in rounds.values() for turn in turns)
    if late > 300:
        notes = [*notes, f"the hot client itself was late by {late / 1e3:.1f} ms (its p99): the machine is too busy"]
    return [
        report.measurement("cold", label, "of the disk's rate, in operations that were needed, %", "%", rounds,
                           "of_limit", more=more, lower_is_better=False, notes=[*notes, *report.doubts(rounds)],
                           reach=(Reach(None, DISK_PERCENT, at_least=True,
                                        words=f"% of the disk's rate ({DISK_PERCENT} % counts as all)"),)),
        report.measurement("cold", label, "p99 of a hot client beside it, ms", "ms", rounds,
                           lambda turn: turn["hot"]["p99_us"] / 1e3, more=more, notes=scenarios.hot_notes(rounds),
                           reach=(Reach(None, 5.0, words="hot p99 ms"),
                                  Reach(None, 1.0, key="hot_p50_ms", words="hot p50 ms"))),
        report.measurement("cold", label, "RSS at the end, uringd's without its cache, MiB", "MiB", rounds,
                           "beside_cache_mib", more=more, notes=memory_notes(rounds), reach=memory_reach(rounds))]


def memory_reach(rounds):
    if APACHE in rounds:
        return (Reach(APACHE, 1.0, words="all RSS but the cache"),)
    return (Reach(None, APACHE_MIB, words="MiB, all RSS but the cache (Apache's figure, not of this run)"),)


def memory_notes(rounds):
    untold = any(turn["held_mib"] is None for turn in rounds.get("uringd", ()))
    return ["uringd: it did not say what its cache held, so that is in its figure"] if untold else []
