"""idle: what a connection costs that says nothing: resident memory of the server and memory of the kernel."""
import os
import statistics
import time

from load import client, machine, report, scenarios
from load.servers import Missing, Setup, body_of, descriptors_allowed

ABOUT = "memory of 10,000 connections that have asked once and now wait, less that of a server that has none"
SERVERS = ("uringd", "nginx", "lighttpd")
PROGRAMS = ()
CONNECTIONS, QUICK_CONNECTIONS = 10_000, 500
SPARE = 2_000  # descriptors beside the connections
REACH = {"nginx": 1.0}
COLUMNS = (
    ("KiB/connection", "kib_per_connection", "~.2f"),
    ("of it RSS", "resident_per_connection", "~.2f"),
    ("kernel", "kernel_per_connection", "~.2f"),
    ("RSS at rest MiB", lambda turn: turn["rest"]["resident"] / 1024, ".1f"),
    ("RSS with them MiB", lambda turn: turn["full"]["resident"] / 1024, ".1f"),
)


def run(servers, options):
    effort = options.effort(rounds=3, seconds=1)
    connections = (options.connections or (QUICK_CONNECTIONS if options.quick else CONNECTIONS,))[0]
    allowed = descriptors_allowed(connections + SPARE)
    if allowed < connections + SPARE:
        raise Missing(f"idle: {connections} connections need {connections + SPARE} descriptors; the limit is {allowed}")
    rounds = scenarios.take_turns("idle", servers, effort.rounds,
                                  lambda server, _number: turn(server, connections, options))
    compared = report.ratios(rounds, REACH, key="kib_per_connection")
    print(f"\nidle: {ABOUT}; {connections} connections, {effort.rounds} rounds")
    print(report.medians(rounds, COLUMNS))
    print(report.ratio_lines(compared), flush=True)
    return [{"scenario": "idle", "connections": connections, "ratios": compared, "rounds": rounds}]


def turn(server, connections, options):
    rest = memory_of(server, Setup(connections=1), 0, options)
    full = memory_of(server, Setup(connections=connections + 16, descriptors=connections + SPARE), connections, options)
    each = {key: (full[key] - rest[key]) / connections for key in ("resident", "kernel")}
    return {"kib_per_connection": max(sum(each.values()), 0.001), "resident_per_connection": each["resident"],
            "kernel_per_connection": each["kernel"], "rest": rest, "full": full}


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
