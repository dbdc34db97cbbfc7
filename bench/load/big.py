"""big: downloads of one large file out of the page cache: bytes a second, what they cost, how much of the core is left.

Under the machine's own congestion control and under cubic; where that is the machine's own, under bbr if the kernel has
it at hand: bbr paces what one client gets.
"""
from load import client, large, machine, network, scenarios
from load.report import Reach
from load.servers import Missing, Setup

NAME = "big"
ABOUT = "downloads of a file of 1 GiB in the page cache, 1, 2, 5 and 10 clients"
SERVERS = ("uringd", "uringd-zero", "uringd-copy", "nginx", "nginx-chunk", "nginx-aio-threads", "lighttpd", "h2o",
           "apache2", "caddy")
PROGRAMS = ("uringd_load",)
SIZE, QUICK_SIZE = 1 << 30, 32 << 20
PATH = "/big.bin"
SENDFILE = ("nginx", "lighttpd", "apache2", "caddy")  # what they send is not copied


def run(servers, options):
    size = (options.size or (QUICK_SIZE if options.quick else SIZE,))[0]
    with large.on_disk(size) as root:
        (root / "file.txt").write_bytes(b"")
        large.fill(root / PATH[1:], size)
        results = measured_under(network.control_of(options), servers, options, root, size)
        other = network.other_control(options)
        if other and not options.quick:
            try:
                results += network.under(other, lambda: measured_under(other, servers, options, root, size))
            except Missing as missing:
                print(f"left out: {missing}")
    return results


def measured_under(control, servers, options, root, size):
    effort = options.effort(rounds=3, seconds=2)
    results = []
    for clients in options.connections or ((1, 5) if options.quick else (1, 2, 5, 10)):
        notes = []
        label = f"{clients} client{'s'[clients == 1:]}, {in_words(size)}, {control}"
        rounds = scenarios.take_turns(
            f"big, {label}", servers, effort.rounds,
            lambda server, number: turn(server, root, clients, effort.seconds, options, number), notes)
        measured = large.measurements(
            "big", label, rounds,
            cost_reach=(Reach("best", 0.95, of="uringd-zero", words="CPU"),
                        Reach("h2o", 0.9, of="uringd-copy", words="CPU")),
            rate_reach=(Reach("best", 1.0, of="uringd-zero", words="MB/s"),), notes=[*notes, *distance(rounds)])
        large.shown(f"big: {label}, in the page cache; {effort.rounds} rounds of {effort.seconds} s", rounds,
                    large.COLUMNS, measured)
        results += measured
    return results


def in_words(size):
    return f"{size >> 30} GiB" if size % (1 << 30) == 0 else f"{size >> 20} MiB"


def turn(server, root, clients, seconds, options, number):
    server_cpu, generator_cpu = machine.cpus()
    with server.running(server_cpu, Setup(root=root)) as running:
        if number == 0:
            client.verify_download(running, PATH, root / PATH[1:])

        def load():
            with large.downloads(options.build, running, generator_cpu, clients, seconds, "--path", PATH, "--seconds",
                                 seconds) as seen:
                return seen()

        measured = scenarios.measure(running, server_cpu, load)
        check(running, root / PATH[1:])
    return large.with_cost(measured)


def check(running, path):
    """A little of the file, at the end of each turn: comparing all of it takes as long as the turn."""
    with open(path, "rb") as file:
        middle = path.stat().st_size // 2
        file.seek(middle)
        piece = file.read(1 << 16)
    client.verify(running, piece, path=PATH, status=206, headers=(f"Range: bytes={middle}-{middle + len(piece) - 1}",))


def distance(rounds):
    """What not copying saves: the copying uringd beside the best of those that send pages by reference."""
    cost = {name: large.middle(turns, "cpu_per_gib") for name, turns in rounds.items()}
    best = min((name for name in cost if name.split("-")[0] in SENDFILE), key=cost.get, default=None)
    if best is None:
        return []
    return [f"{name} copies and costs {cost[name] / cost[best]:.2f} times {best}, which sends the pages themselves"
            for name in ("uringd", "uringd-copy") if name in cost]
