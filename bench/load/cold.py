"""cold: many clients ask for files that nobody holds, on a disk that takes its time, while one asks for a hot file.

The question is whether a slow disk touches a hot request. The clients that read cold files are wrk (closed loop, no
file twice); the hot file is asked for at a fixed rate by uringd_pace, on the same core but ahead of wrk.
"""
import statistics

from load import client, machine, report, scenarios, slow, tree
from load.servers import Missing, Setup, body_of

ABOUT = "256 connections read cold files of a tree on a slow disk, beside one that asks for a hot file at a fixed rate"
SERVERS = ("uringd", "nginx", "nginx-aio-threads", "lighttpd")
PROGRAMS = ("uringd_slow_image", "uringd_pace")
WANTED_MS = {"p50_us": 1.0, "p99_us": 5.0}
WANTED_OF_LIMIT = 0.95


def run(servers, options):
    slow.check(options.build)
    effort = options.effort(rounds=3, seconds=6)
    files = options.files or (tree.QUICK_FILES if options.quick else tree.FILES)
    connections = (options.connections or (32 if options.quick else 256,))[0]
    delay_ms = options.delay_ms or 8
    results = []
    for kind in (slow.Image, slow.Names):
        try:
            with kind(options.build, files, delay_ms, options.at_once) as disk:
                rounds = scenarios.take_turns(
                    "cold", servers, effort.rounds,
                    lambda server, number: turn(server, disk, connections, effort, number, options.build))
        except Missing as missing:
            print(f"left out: {missing}")
            continue
        print(f"\ncold: {disk.what} takes {delay_ms} ms, {options.at_once} at once; "
              f"{files} files of {tree.SIZE} bytes, "
              f"{connections} connections, {scenarios.HOT_RATE} hot requests/s, "
              f"{effort.rounds} rounds of {effort.seconds} s")
        print(report.medians(rounds, COLUMNS))
        print("\n".join([*verdicts(rounds), *report.doubts(rounds)]), flush=True)
        results.append({"scenario": "cold", "slow": kind.__name__, "delay_ms": delay_ms, "at_once": options.at_once,
                        "files": files, "connections": connections, "rounds": rounds})
    if not results:
        raise Missing("cold: no slow disk can be had here")
    return results


COLUMNS = (
    ("hot p50 ms", lambda turn: turn["hot"]["p50_us"] / 1e3, "~.2f"),
    ("hot p99 ms", lambda turn: turn["hot"]["p99_us"] / 1e3, "~.2f"),
    ("hot max ms", lambda turn: turn["hot"]["max_us"] / 1e3, ".1f"),
    ("hot 503", lambda turn: turn["hot"]["unavailable"], "g"),
    ("hot failed", lambda turn: turn["hot"]["wrong"], "g"),
    ("cold/s", "cold_per_second", "~.0f"),
    ("cold 503", "unavailable", "g"),
    ("cold failed", "wrong", "g"),
    ("disk ops/s", "disk_per_second", ".0f"),
    ("of limit", "of_limit", ".0%"),
    ("busy", "server_busy", ".0%"),
    ("idle", "idle", ".0%"),
)


def turn(server, disk, connections, effort, number, build):
    server_cpu, generator_cpu = machine.cpus()
    with disk.mounted() as mounted, server.running(server_cpu, Setup(root=mounted.root)) as running:
        client.verify(running, body_of(1024))  # the hot file is hot now
        before = mounted.count()
        wrk = {"connections": connections, "script": ("walk.lua", "walk", disk.files, number + 1, 0, "statuses"),
               "at_end": mounted.count}
        measured, load = scenarios.measure_beside_hot(running, server_cpu, generator_cpu, effort.seconds, build, wrk)
        for path, text in tree.samples(disk.files):
            client.verify(running, text, path=path)
        client.verify(running, body_of(1024))
    operations = (load.at_end - before) / load.seconds
    return measured | {
        "cold_per_second": (load.requests - load.unavailable - load.wrong) / load.seconds,
        "unavailable": load.unavailable,
        "wrong": load.wrong,
        "disk_per_second": operations,
        "of_limit": operations / mounted.limit,
    }


def verdicts(rounds):
    lines = []
    if "uringd" in rounds:
        turns = rounds["uringd"]
        for key, wanted in WANTED_MS.items():
            value = statistics.median(turn["hot"][key] for turn in turns) / 1e3
            lines.append(report.verdict(f"uringd hot {key[:3]} ms", value, wanted))
        share = statistics.median(turn["of_limit"] for turn in turns)
        lines.append(f"  uringd uses {share:.0%} of what the disk can do, {WANTED_OF_LIMIT:.0%} wanted: "
                     + ("reached" if share >= WANTED_OF_LIMIT else "NOT reached"))
    late = max(turn["hot"]["late_us"] for turns in rounds.values() for turn in turns)
    if late > 300:
        lines.append(f"  the hot client itself was late by {late / 1e3:.1f} ms (its p99): the machine is too busy")
    return lines
