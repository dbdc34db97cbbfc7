"""idle: what a connection costs that says nothing: resident memory of the server and memory of the kernel.

(with 10,000 idle connections, less a start that may have one and has none) / 10,000, the same formula for all.
"""
import os
import statistics
import time

from load import client, machine, report, scenarios
from load.report import Reach
from load.servers import Missing, Setup, body_of, descriptors_allowed

NAME = "idle"
ABOUT = "memory of 10,000 connections that have asked once and now wait, less that of a start that may have one"
SERVERS = ("uringd", "nginx", "lighttpd", "h2o", "apache2", "caddy")
PROGRAMS = ()
CONNECTIONS, QUICK_CONNECTIONS = 10_000, 500
SPARE = 2_000  # descriptors beside the connections
COLUMNS = (
    ("KiB/connection", "kib_per_connection", "~.2f"),
    ("of it user, bytes", "user_bytes", "~.0f"),
    ("kernel, KiB", "kernel_per_connection", "~.2f"),
    ("RSS at rest MiB", lambda turn: turn["rest"]["resident"] / 1024, ".1f"),
    ("RSS with them MiB", lambda turn: turn["full"]["resident"] / 1024, ".1f"),
)


def run(servers, options):
    effort = options.effort(rounds=3, seconds=1)
    connections = (options.connections or (QUICK_CONNECTIONS if options.quick else CONNECTIONS,))[0]
    allowed = descriptors_allowed(connections + SPARE)
    if allowed < connections + SPARE:
        raise Missing(f"idle: {connections} connections need {connections + SPARE} descriptors; the limit is {allowed}")
    notes = []
    rounds = scenarios.take_turns("idle", servers, effort.rounds,
                                  lambda server, _number: turn(server, connections, options), notes)
    measured = measurements(rounds, f"{connections} connections", notes)
    print(f"\nidle: {ABOUT}; {connections} connections, {effort.rounds} rounds")
    print(report.medians(rounds, COLUMNS))
    print("\n".join(line for each in measured for line in report.lines_of(each)), flush=True)
    return measured


def measurements(rounds, label, notes):
    """The whole, and the part that is the server's own: the kernel's is nearly the same whoever serves."""
    more = {name: {key: report.spread([turn[key] for turn in turns]) for key in ("user_bytes", "kernel_per_connection")}
            | {f"resident_mib_{when}": report.spread([turn[when]["resident"] / 1024 for turn in turns])
               for when in ("rest", "full")} for name, turns in rounds.items()}
    return [report.measurement("idle", label, "KiB/connection, user and kernel", "KiB", rounds, "kib_per_connection",
                               more=more, notes=notes, reach=(Reach("nginx", 1.0, words="user and kernel"),)),
            report.measurement("idle", label, "bytes/connection, user", "bytes", rounds, "user_bytes", more=more,
                               reach=(Reach("nginx", 1.0, words="user"),))]


def turn(server, connections, options):
    rest = memory_of(server, Setup(connections=1), 0, options)
    full = memory_of(server, Setup(connections=connections + 16, descriptors=connections + SPARE), connections, options)
    resident, kernel = ((full[key] - rest[key]) / connections for key in ("resident", "kernel"))
    return {"kib_per_connection": max(resident + kernel, 0.001), "user_bytes": max(resident * 1024, 1.0),
            "kernel_per_connection": kernel, "rest": rest, "full": full}


def memory_of(server, setup, connections, options):
    """KiB resident, and KiB that the kernel has more than before the server was started."""
    server_cpu, generator_cpu = machine.cpus()
    before = quiet_kernel_kib(options.quick)
    with server.running(server_cpu, setup) as running:
        if connections == 0:
            return {"resident": machine.resident_kib(running.pid), "kernel": quiet_kernel_kib(options.quick) - before}
        client.verify(running, body_of(setup.size))
        with client.idle_connections(running, generator_cpu, connections) as held:
            resident, kernel = machine.resident_kib(running.pid), quiet_kernel_kib(options.quick) - before
            held.check()
        return {"resident": resident, "kernel": kernel}


def quiet_kernel_kib(quick):
    """The kernel's memory once it has stopped changing: what others leave behind is freed late (RCU, lazy slabs)."""
    if os.geteuid() == 0 and not quick:
        with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as file:
            file.write("2")  # names and inodes of others, which would come and go meanwhile
    samples = []
    for _ in range(4 if quick else 10):
        time.sleep(0.1 if quick else 0.2)
        samples.append(machine.kernel_kib())
    return statistics.median(samples[len(samples) // 2:])
