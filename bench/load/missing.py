"""missing: a flood of names that do not exist, in a directory of many files: one name, or each time another."""
import pathlib
import tempfile

from load import client, machine, report, scenarios
from load.servers import FILE, Failed, Setup, body_of

ABOUT = "names that do not exist, one or always another, beside one client that asks for a hot file at a fixed rate"
SERVERS = ("uringd", "nginx", "nginx-errors-off", "lighttpd")
PROGRAMS = ("uringd_pace",)
FILES, QUICK_FILES = 10_000, 1_000
FORMS = {"one path": 1.0, "random names": 1.5}  # and the most that uringd may cost, as a multiple of nginx

COLUMNS = (
    ("CPU us/request", "cpu_us_per_request", "~.2f"),
    ("requests/s", "requests_per_second", "~.0f"),
    ("hot p50 ms", lambda turn: turn["hot"]["p50_us"] / 1e3, ".2f"),
    ("hot p99 ms", lambda turn: turn["hot"]["p99_us"] / 1e3, "~.2f"),
    ("hot max ms", lambda turn: turn["hot"]["max_us"] / 1e3, ".1f"),
    ("hot 503", lambda turn: turn["hot"]["unavailable"], "g"),
    ("hot failed", lambda turn: turn["hot"]["wrong"], "g"),
    ("busy", "server_busy", ".0%"),
    ("generator", "generator_busy", ".0%"),
)


def run(servers, options):
    effort = options.effort(rounds=5, seconds=3)
    files = options.files or (QUICK_FILES if options.quick else FILES)
    connections = (options.connections or (64,))[0]
    results = []
    with tempfile.TemporaryDirectory(prefix="uringd-bench-") as directory:
        root = pathlib.Path(directory)
        root.chmod(0o755)
        (root / FILE).write_bytes(body_of(1024))
        (root / "many").mkdir()
        for number in range(files):
            (root / "many" / f"{number}.txt").write_bytes(b"x")
        for form, reach in FORMS.items():
            rounds = scenarios.take_turns(
                f"missing, {form}", servers, effort.rounds,
                lambda server, number: turn(server, root, form, connections, options, effort, number))
            compared = report.ratios(rounds, {"nginx": reach})
            print(f"\nmissing: {form} in a directory of {files} files; {connections} connections, "
                  f"{scenarios.HOT_RATE} hot requests/s, {effort.rounds} rounds of {effort.seconds} s")
            print(report.medians(rounds, COLUMNS))
            print("\n".join(filter(None, [report.ratio_lines(compared), *report.doubts(rounds)])), flush=True)
            results.append({"scenario": "missing", "form": form, "files": files, "connections": connections,
                            "ratios": compared, "rounds": rounds})
    return results


def turn(server, root, form, connections, options, effort, number):
    server_cpu, generator_cpu = machine.cpus()

    def check(running):
        client.verify(running, body_of(1024))
        client.verify(running, None, path="/many/missing.txt", status=b"404")
        client.verify(running, b"x", path="/many/7.txt")

    wrk = {"connections": connections}
    wrk |= {"path": "/many/missing.txt"} if form == "one path" else {
        "script": ("walk.lua", "missing", 0, number + 1, 0)}
    with server.running(server_cpu, Setup(root=root)) as running:
        check(running)
        measured, flood = scenarios.measure_beside_hot(running, server_cpu, generator_cpu, effort.seconds,
                                                       options.build, wrk)
        check(running)
    if flood.refused != flood.requests:
        raise Failed(f"{server.name}: {flood.requests - flood.refused} answers of {flood.requests} were 2xx")
    return measured
