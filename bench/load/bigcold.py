"""bigcold: files of 256 KiB that are on the disk and nowhere else, by 64 and by 512 clients, while another client asks
for a hot file; and one download of 1 GiB from the disk.

All pages of the tree are dropped before each turn. The clients walk through the tree, no file twice; a turn ends with
its time or, where the server is faster than that, with the tree.
"""
import contextlib
import os
import random
import time

from load import client, large, machine, report, scenarios
from load.report import Reach
from load.servers import FILE, Setup, body_of

NAME = "bigcold"
ABOUT = "cold files of 256 KiB, 64 and 512 clients, beside one that asks for a hot file; one cold download of 1 GiB"
SERVERS = ("uringd", "uringd-zero", "nginx", "nginx-aio-threads", "nginx-aio-no-cache", "nginx-aio-128-threads",
           "nginx-aio-direct", "lighttpd", "h2o", "h2o-32-threads", "apache2-1024-threads", "caddy")
PROGRAMS = ("uringd_load",)
SIZE = 256 << 10
FILES, QUICK_FILES = 22_000, 200  # 5.4 GiB: more than a disk of 2.5 GB/s gives in a turn
ONE_SIZE, QUICK_ONE_SIZE = 1 << 30, 32 << 20
ONE_PATH = "/one.bin"
HOT_RATE = 400  # a second: a turn is short
DIRECTORIES = 100
NEARLY = 0.9  # of the fastest's MB/s
COLUMNS = (
    *large.COLUMNS,
    ("hot p50 ms", lambda turn: turn["hot"]["p50_us"] / 1e3, "~.2f"),
    ("hot p99 ms", lambda turn: turn["hot"]["p99_us"] / 1e3, "~.2f"),
    ("hot max ms", lambda turn: turn["hot"]["max_us"] / 1e3, ".1f"),
    ("hot 503", lambda turn: turn["hot"]["unavailable"], "g"),
    ("hot failed", lambda turn: turn["hot"]["wrong"], "g"),
)


def run(servers, options):
    files = options.files or (QUICK_FILES if options.quick else FILES)
    one_size = QUICK_ONE_SIZE if options.quick else ONE_SIZE
    with large.on_disk(files * SIZE + one_size) as root:
        scenarios.progress(f"bigcold: writing {files * SIZE >> 20} MiB")
        paths = make(root, files)
        large.fill(root / ONE_PATH[1:], one_size)
        results = []
        for clients in options.connections or ((64,) if options.quick else (64, 512)):
            results += many(servers, root, paths, clients, options)
        return results + one(servers, root, one_size, options)


def path_of(number):
    return f"/{number % DIRECTORIES:02d}/{number:06d}.bin"


def make(root, files):
    """Paths in the file system. Each file says which it is; all of them end up on the disk."""
    (root / FILE).write_bytes(body_of(1024))
    for directory in range(DIRECTORIES):
        (root / f"{directory:02d}").mkdir()
    paths = [root / path_of(number)[1:] for number in range(files)]
    for number, path in enumerate(paths):
        path.write_bytes(large.piece_of(number, SIZE))
    for path in paths:  # after all were written: one by one each would wait for the disk
        with open(path, "rb") as file:
            os.fsync(file.fileno())
    order = [path_of(number) for number in range(files)]
    random.Random(1).shuffle(order)
    (root / "questions").write_text("\n".join(order) + "\n")
    return paths


def many(servers, root, paths, clients, options):
    effort = options.effort(rounds=3, seconds=2)
    notes = []
    rounds = scenarios.take_turns(
        f"bigcold, {clients} clients", servers, effort.rounds,
        lambda server, _number: turn(server, root, paths, clients, effort.seconds, options), notes)
    label = f"{clients} clients, {SIZE >> 10} KiB"
    fastest, cheapest = fastest_aio(rounds), cheapest_aio(rounds)
    rate = 1.2 if clients < 512 else 1.0
    measured = large.measurements(
        "bigcold", label, rounds, notes=[*notes, *short_turns(rounds, effort.seconds)],
        cost_reach=(Reach(cheapest, 0.7, words="CPU"),) if cheapest else (),
        rate_reach=(Reach(fastest, rate, words="MB/s"),) if fastest else ())
    measured.append(report.measurement(
        "bigcold", label, "p99 of a hot client beside it, ms", "ms", rounds, lambda turn: turn["hot"]["p99_us"] / 1e3,
        more={name: hot_of(turns) for name, turns in rounds.items()}, notes=scenarios.hot_notes(rounds)))
    large.shown(f"bigcold: {len(paths)} files of {SIZE >> 10} KiB, none in the page cache; {clients} clients, "
                f"{HOT_RATE} hot requests/s; {effort.rounds} rounds of {effort.seconds} s", rounds, COLUMNS, measured)
    return measured


def fastest_aio(rounds):
    """Of nginx's configurations with threads."""
    names = [name for name in rounds if name.startswith("nginx-aio")]
    return max(names, key=lambda name: large.middle(rounds[name], "mb_per_second"), default=None)


def cheapest_aio(rounds):
    """Of those that are nearly as fast as the fastest: what is saved by being slow is no yardstick."""
    rate = {name: large.middle(turns, "mb_per_second") for name, turns in rounds.items()}
    fastest = fastest_aio(rounds)
    names = [name for name in rate if name.startswith("nginx-aio") and rate[name] >= NEARLY * rate[fastest]]
    return min(names, key=lambda name: large.middle(rounds[name], "cpu_per_gib"), default=None)


def hot_of(turns):
    return {key: report.spread([turn["hot"][key] for turn in turns]) for key in ("p50_us", "p99_us", "max_us")}


def short_turns(rounds, seconds):
    names = [name for name, turns in rounds.items() if min(turn["load_seconds"] for turn in turns) < 0.6 * seconds]
    return [f"{name}: the tree was read before the turn was over" for name in names]


def turn(server, root, paths, clients, seconds, options):
    server_cpu, generator_cpu = machine.cpus()
    large.forget_all(paths)
    with contextlib.ExitStack() as stack, server.running(server_cpu, Setup(root=root, files=len(paths))) as running:
        client.verify(running, body_of(1024))  # the hot file is hot now
        hot = None

        def load():
            nonlocal hot
            with large.downloads(options.build, running, generator_cpu, clients, seconds, "--paths", root / "questions",
                                 "--order", "walk", "--once", "--seconds", seconds) as seen:
                time.sleep(scenarios.SETTLE_SECONDS / 2)
                hot = stack.enter_context(client.hot_beside(options.build, running, generator_cpu, HOT_RATE,
                                                            seconds - scenarios.SETTLE_SECONDS, body_of(1024)))
                return seen()

        measured = scenarios.measure(running, server_cpu, load) | {"hot": hot()}
        for path in paths[::max(1, len(paths) // 5)]:
            client.verify(running, path.read_bytes(), path=f"/{path.relative_to(root)}")
    return large.with_cost(measured)


def one(servers, root, size, options):
    """One client, one file: what read-ahead, or whatever a server has in its place, is worth."""
    effort = options.effort(rounds=3, seconds=1)
    notes = []
    rounds = scenarios.take_turns("bigcold, one download", servers, effort.rounds,
                                  lambda server, _number: one_turn(server, root, options), notes)
    rival = fastest_aio(rounds)
    measured = large.measurements("bigcold", f"1 client, {size >> 20} MiB", rounds, cost_reach=(), notes=notes,
                                  rate_reach=(Reach(rival, 1.0, words="MB/s"),) if rival else ())
    large.shown(f"bigcold: one download of {size >> 20} MiB, none of it in the page cache; {effort.rounds} rounds",
                rounds, large.COLUMNS, measured)
    return measured


def one_turn(server, root, options):
    server_cpu, generator_cpu = machine.cpus()
    file = root / ONE_PATH[1:]
    large.forget_all([file])
    with server.running(server_cpu, Setup(root=root)) as running:
        def load():
            with large.downloads(options.build, running, generator_cpu, 1, 60, "--path", ONE_PATH, "--once") as seen:
                return seen()

        measured = scenarios.measure(running, server_cpu, load)
        client.verify_download(running, ONE_PATH, file)
    return large.with_cost(measured)
