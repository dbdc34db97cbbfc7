"""micro: runs every bench/micro/*_bench of the build and gathers nanoseconds of CPU per operation."""
import json
import subprocess
import tempfile

from load import machine, report
from load.servers import Failed, Missing, on_cpu

ABOUT = "the pure steps of a request, one by one, without a network"
SERVERS = ()
PROGRAMS = ()
# The others take seconds to set up (large maps, a thousand patterns), under sanitizers minutes: not in a short run.
SMALL_ONLY = "--benchmark_filter=-(/[0-9]{5,}|/4096|(mixed|scan|cache)/1000|^look_up_)"


def run(_servers, options):
    executables = sorted(path for path in (options.build / "bench/micro").glob("*_bench") if path.is_file())
    if not executables:
        raise Missing(f"no benchmark in {options.build}/bench/micro (Debian package libbenchmark-dev; build again)")
    print(f"\nmicro: {ABOUT}; nanoseconds of CPU per operation")
    results = []
    for executable in executables:
        for row in rows_of(executable, options):
            print(f"  {executable.name}  {row['name']:<48} {row['ns']:>12.1f} ns", flush=True)
            rounds = {"uringd": [{"ns": value} for value in row["rounds"]]}
            results.append(report.measurement("micro", f"{executable.name}: {row['name']}", "CPU ns/operation", "ns",
                                              rounds, "ns"))
    return results


def rows_of(executable, options):
    """[{name, ns, rounds}] in the order of the file."""
    rounds = 1 if options.quick else options.rounds or 1
    rows = {}
    for _ in range(rounds):
        for row in once(executable, options.quick):
            rows.setdefault(row["name"], []).append(row["cpu_time"] * {"ns": 1, "us": 1e3, "ms": 1e6}[row["time_unit"]])
    return [{"name": name, "ns": sorted(each)[len(each) // 2], "rounds": each} for name, each in rows.items()]


def once(executable, quick):
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        command = [executable, f"--benchmark_out={out.name}", "--benchmark_out_format=json",
                   f"--benchmark_min_time={0.001 if quick else 0.2}", *((SMALL_ONLY,) if quick else ())]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300,
                              preexec_fn=on_cpu(machine.cpus()[0]))
        if done.returncode != 0:
            raise Failed(f"{executable.name} failed: {done.stderr[-300:]}")
        rows = json.load(out)["benchmarks"]
    for row in rows:
        if row.get("error_occurred"):
            raise Failed(f"{executable.name}: {row['name']}: {row.get('error_message')}")
    return rows
