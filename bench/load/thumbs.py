"""thumbs: small files out of the page cache, many more than uringd's own cache may hold: the price of a miss."""
import pathlib
import tempfile

from load import client, machine, report, scenarios, tree
from load.kinds import nginx_may_keep
from load.servers import Setup, descriptors_allowed

ABOUT = "random files of a tree in the page cache, which uringd's cache is too small to hold"
SERVERS = ("uringd", "nginx", "nginx-no-cache", "lighttpd", "h2o")
PROGRAMS = ()
REACH = {"nginx": 0.8}
CACHE_KIB = 16 << 10  # for 100,000 files; as small a part of fewer
SPARE = 5_000  # descriptors beside one for each file


def run(servers, options):
    effort = options.effort(rounds=5, seconds=3)
    files, kept = files_of(options)
    cache_size = f"{max(1024, CACHE_KIB * files // tree.FILES)}KiB"
    connections = (options.connections or (64,))[0]
    with tempfile.TemporaryDirectory(prefix="uringd-bench-") as directory:
        pathlib.Path(directory).chmod(0o755)
        tree.make(directory, files)  # and with that all of it is in the page cache
        setup = Setup(root=pathlib.Path(directory), cache_size=cache_size, files=kept,
                      descriptors=files + SPARE)
        rounds = scenarios.take_turns(
            "thumbs", servers, effort.rounds,
            lambda server, number: turn(server, setup, files, connections, effort, number))
    summary = report.summarise(rounds, {})
    compared = report.ratios(rounds, REACH)
    print(f"\nthumbs: {ABOUT}; {files} files of {tree.SIZE} bytes, uringd's cache {cache_size}, "
          f"{connections} connections, {effort.rounds} rounds of {effort.seconds} s")
    print(report.table(summary))
    print("\n".join(filter(None, [report.ratio_lines(compared), *report.warnings(summary)])), flush=True)
    return [{"scenario": "thumbs", "files": files, "connections": connections, "seconds": effort.seconds,
             "summary": summary, "ratios": compared, "rounds": rounds}]


def files_of(options):
    """How many files to ask for, and how many of them nginx may keep open. Unless told, no more than that: an
    open_file_cache that is too small would not be how its experts set it up."""
    wanted = options.files or (tree.QUICK_FILES if options.quick else tree.FILES)
    kept = nginx_may_keep(descriptors_allowed(wanted + SPARE))
    if kept < wanted:
        print(f"thumbs: the limit on open files lets nginx keep {kept} files: "
              + ("its open_file_cache holds only these" if options.files else "the tree has only as many"))
    return (wanted if options.files else min(wanted, kept)), kept


def turn(server, setup, files, connections, effort, number):
    server_cpu, generator_cpu = machine.cpus()

    def load(running, *script):
        return client.wrk(running, generator_cpu, connections, effort.seconds, script=("walk.lua", *script))

    def check(running):
        for path, text in tree.samples(files):
            client.verify(running, text, path=path)

    with server.running(server_cpu, setup) as running:
        check(running)
        asked = 0
        while asked < files:  # every file once, so that nginx has it open
            seen = load(running, "walk", files, 1, asked)
            asked += max(seen.requests, 1)
        measured = scenarios.measure(
            running, server_cpu, lambda: scenarios.loaded(load(running, "random", files, number + 1, 0)))
        check(running)
    return measured
