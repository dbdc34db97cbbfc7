"""The `micro` scenario: runs every bench/micro/*_bench of the build and gathers nanoseconds per operation."""
import json
import pathlib
import subprocess
import tempfile

from load import machine
from load.servers import Failed, Missing, on_cpu


def run(build, quick):
    """[{executable, name, ns}], in the order of the files."""
    executables = sorted(path for path in (pathlib.Path(build) / "bench/micro").glob("*_bench") if path.is_file())
    if not executables:
        raise Missing(f"no benchmark in {build}/bench/micro (Debian package libbenchmark-dev, then build again)")
    results = []
    for executable in executables:
        with tempfile.NamedTemporaryFile(suffix=".json") as out:
            command = [executable, f"--benchmark_min_time={0.01 if quick else 0.2}", f"--benchmark_out={out.name}",
                       "--benchmark_out_format=json"]
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300,
                                  preexec_fn=on_cpu(machine.cpus()[0]))
            if done.returncode != 0:
                raise Failed(f"{executable.name} failed: {done.stderr[-300:]}")
            for row in json.load(out)["benchmarks"]:
                if row.get("error_occurred"):
                    raise Failed(f"{executable.name}: {row['name']}: {row.get('error_message')}")
                results.append({"executable": executable.name, "name": row["name"], "ns": row["cpu_time"]})
    return results


def table(results):
    width = max(len(row["name"]) for row in results)
    lines = []
    for row in results:
        lines.append(f"  {row['name']:<{width}}  {row['ns']:>10.1f} ns")
    return "\n".join(lines)
