"""big: downloads of one large file, out of the page cache and from the disk: bytes a second, and what they cost."""
import contextlib
import os
import pathlib
import statistics
import tempfile

from load import client, machine, report, scenarios
from load.servers import Failed, Missing, Setup

ABOUT = "downloads of a file of 1 GiB: in the page cache, 1, 2, 5 and 10 clients; cold from the disk, one"
SERVERS = ("uringd-copy", "uringd-zero", "nginx", "nginx-chunk", "nginx-aio-threads", "h2o", "lighttpd")
PROGRAMS = ("uringd_drain",)
COLD_SERVERS = ("uringd-copy", "uringd-zero", "nginx", "nginx-aio-threads")
SIZE, QUICK_SIZE = 1 << 30, 32 << 20
PATH = "/big.bin"
COLUMNS = (
    ("MB/s", "mb_per_second", "~.0f"),
    ("CPU s/GiB", "cpu_per_gib", "~.3f"),
    ("idle", "idle", ".0%"),
    ("busy", "server_busy", ".0%"),
    ("generator", "generator_busy", ".0%"),
    ("others", "others_busy", ".0%"),
)


def run(servers, options):
    effort = options.effort(rounds=3, seconds=3)
    size = (options.size or (QUICK_SIZE if options.quick else SIZE,))[0]
    clients = options.connections or ((1, 5) if options.quick else (1, 2, 5, 10))
    results = []
    with tempfile.TemporaryDirectory(prefix="uringd-bench-") as directory:
        root = pathlib.Path(directory)
        root.chmod(0o755)
        (root / "file.txt").write_bytes(b"")
        fill(root / PATH[1:], size)
        hot = [server for server in servers if server.name != "nginx-aio-threads" or options.named]
        for count in clients:
            rounds = scenarios.take_turns(
                f"big, {count} clients", hot, effort.rounds,
                lambda server, _number: turn(server, root, count, effort.seconds, options))
            results.append(shown(f"{count} clients, {effort.rounds} rounds of {effort.seconds} s, hot", size, rounds,
                                 clients=count))
        cold = [server for server in servers if server.name in COLD_SERVERS or options.named]
        if cold:
            with contextlib.suppress(Missing):
                rounds = scenarios.take_turns("big, cold", cold, effort.rounds,
                                              lambda server, _number: turn(server, root, 1, 0, options))
                results.append(shown(f"1 client, {effort.rounds} rounds, cold", size, rounds, clients=1, cold=True))
    return results


def fill(path, size):
    """Random pieces, no two alike, all of them on the disk (only clean pages can be dropped)."""
    piece = bytearray(os.urandom(1 << 20))
    with open(path, "wb") as file:
        for number in range(0, size, len(piece)):
            piece[:8] = number.to_bytes(8, "little")
            file.write(piece[:min(len(piece), size - number)])
        file.flush()
        os.fsync(file.fileno())


def forget(path):
    """Drops the file's pages; this needs no right beyond reading it. A file system without a disk keeps them."""
    with open(path, "rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        with contextlib.suppress(BlockingIOError):
            if os.preadv(file.fileno(), [bytearray(4096)], os.fstat(file.fileno()).st_size // 2, os.RWF_NOWAIT):
                print("left out: big, cold: the temporary directory's pages cannot be dropped (a tmpfs?)")
                raise Missing("no disk")


def turn(server, root, clients, seconds, options):
    """Without `seconds`: one cold download."""
    server_cpu, generator_cpu = machine.cpus()
    with server.running(server_cpu, Setup(root=root)) as running:
        if seconds:
            client.verify_download(running, PATH, root / PATH[1:])
        else:
            forget(root / PATH[1:])
        measured = scenarios.measure(
            running, server_cpu, lambda: load(options.build, running, generator_cpu, clients, seconds))
        if not seconds:
            client.verify_download(running, PATH, root / PATH[1:])
    gib = measured["requests"]  # what a turn's work is counted in here
    return measured | {"cpu_per_gib": measured["cpu_seconds"] / gib}


def load(build, running, cpu, clients, seconds):
    seen = client.drain(build, running, cpu, PATH, clients, seconds)
    if seen["failures"] or not seen["bytes"]:
        raise Failed(f"{running.server.name}: downloads failed: {seen}")
    return {"requests": seen["bytes"] / (1 << 30), "mb_per_second": seen["bytes"] / seen["seconds"] / 1e6,
            "generator_seconds": seen["cpu_seconds"], "errors": []}


def shown(what, size, rounds, **more):
    print(f"\nbig: a file of {size >> 20} MiB, {what}")
    print(report.medians(rounds, COLUMNS))
    cost = {name: statistics.median(turn["cpu_per_gib"] for turn in turns) for name, turns in rounds.items()}
    lines = report.doubts(rounds, generator_matters=False)
    best = min((name for name in cost if name.startswith("nginx")), key=cost.get, default=None)
    if more.get("cold"):
        lines += cold_verdicts(rounds)
    else:
        for mine, other in (("uringd-zero", best), ("uringd-copy", "h2o")):
            if mine in cost and other in cost:
                lines.append(report.verdict(f"CPU s/GiB, {mine} / {other}", cost[mine] / cost[other], 1.0))
    print("\n".join(lines), flush=True)
    return {"scenario": "big", "bytes": size, "rounds": rounds, **more}


def cold_verdicts(rounds):
    lines = []
    theirs = rounds.get("nginx-aio-threads")
    for name in rounds:
        if theirs and name.startswith("uringd"):
            rate, idle = (statistics.median(turn[key] for turn in rounds[name]) for key in ("mb_per_second", "idle"))
            their_rate, their_idle = (statistics.median(turn[key] for turn in theirs)
                                      for key in ("mb_per_second", "idle"))
            lines.append(f"  {name} / nginx-aio-threads: MB/s {rate / their_rate:.2f}, at least 1 wanted; "
                         f"idle {idle:.0%} against {their_idle:.0%}, more wanted")
    return lines
