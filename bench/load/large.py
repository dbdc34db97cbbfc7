"""What big and bigcold share: large files on a disk, their pages dropped, and clients that throw away what they get."""
import contextlib
import ctypes
import json
import os
import pathlib
import statistics
import tempfile
import time

from load import client, report
from load.servers import Failed, Missing

GIB = 1 << 30
PROBE = 1 << 20
PAGE = os.sysconf("SC_PAGESIZE")
CACHESTAT = 451  # its number, on every architecture
TRIES = 5
FULL = 0.9  # a generator's core that is busier hides how fast a server is
COLUMNS = (
    ("MB/s", "mb_per_second", "~.0f"),
    ("CPU s/GiB", "cpu_per_gib", "~.3f"),
    ("idle", "idle", ".0%"),
    ("busy", "server_busy", ".0%"),
    ("generator", "generator_busy", ".0%"),
    ("others", "others_busy", ".0%"),
)


def piece_of(number, size):
    """Random bytes, no two pieces alike."""
    return number.to_bytes(8, "little") + RANDOM[:size - 8]


RANDOM = os.urandom(1 << 20)


def fill(path, size):
    """A file of random bytes, all of them on the disk: only clean pages can be dropped."""
    with open(path, "wb") as file:
        for number in range(0, size, len(RANDOM)):
            file.write(piece_of(number, min(len(RANDOM), size - number)))
        file.flush()
        os.fsync(file.fileno())


class Cachestat(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("cached", "dirty", "writeback", "evicted", "recently_evicted")]


def cached_pages(descriptor):
    """How many of a file's pages are in memory; None where the kernel does not tell (cachestat(2): Linux 6.5). Reading
    to find out, RWF_NOWAIT too, would start read-ahead."""
    whole, seen = (ctypes.c_uint64 * 2)(0, 0), Cachestat()  # from 0, to the end
    answer = ctypes.CDLL(None).syscall(CACHESTAT, descriptor, ctypes.byref(whole), ctypes.byref(seen), 0)
    return seen.cached if answer == 0 else None


def forget(path):
    """Drops the file's pages, which needs no right beyond reading it; how many it had, how many stayed. Pages that
    something still refers to do stay, and a file system without a disk keeps everything."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        return -(-os.fstat(descriptor).st_size // PAGE), cached_pages(descriptor)
    finally:
        os.close(descriptor)


def forget_all(paths):
    """Drops all pages of these files; raises Failed where more than a hundredth is still there after some tries."""
    for _ in range(TRIES):
        seen = [forget(path) for path in paths]
        pages, kept = (sum(filter(None, each)) for each in zip(*seen))
        if kept <= pages // 100:
            return
        time.sleep(0.2)  # what was sent by reference is referred to until its receiver has gone
    raise Failed(f"{kept} of {pages} pages are still in the page cache")


@contextlib.contextmanager
def on_disk(size):
    """A directory with room for that many bytes, on a file system whose pages can be dropped."""
    for parent in (tempfile.gettempdir(), "/var/tmp"):
        with contextlib.suppress(OSError), tempfile.TemporaryDirectory(prefix="uringd-bench-", dir=parent) as directory:
            free = os.statvfs(directory)
            if free.f_bavail * free.f_frsize < size + size // 10:
                continue
            probe = pathlib.Path(directory) / "probe"
            fill(probe, PROBE)
            if forget(probe)[1]:
                continue
            probe.unlink()
            os.chmod(directory, 0o755)
            break
    else:
        raise Missing(f"no disk with {size * 11 // 10 >> 20} MiB to spare, or its pages cannot be dropped (a tmpfs?)")
    with tempfile.TemporaryDirectory(prefix="uringd-bench-", dir=parent) as directory:
        os.chmod(directory, 0o755)
        yield pathlib.Path(directory)


@contextlib.contextmanager
def downloads(build, running, cpu, clients, seconds, *words):
    """Starts clients that drop what they get inside the kernel; yields a function that waits for their end and returns
    what they saw in the words of a round. What came of a body counts when it came, also of one that has not ended."""
    command = [build / "bench/uringd_load", running.port, "--connections", clients, "--drop", *words]
    with client.started(command, cpu, seconds) as finish:
        def seen():
            figures = json.loads(finish())
            if not figures["bytes"] or figures["wrong"] or figures["failures"] or figures["timeouts"]:
                raise Failed(f"{running.server.name}: downloads failed: {figures}")
            return {"requests": figures["bytes"] / GIB, "whole": figures["requests"],
                    "load_seconds": figures["seconds"],
                    "mb_per_second": figures["bytes"] / figures["seconds"] / 1e6,
                    "generator_seconds": figures["cpu_seconds"], "errors": []}

        yield seen


def with_cost(measured):
    return measured | {"cpu_per_gib": measured["cpu_seconds"] / measured["requests"]}  # requests: GiB, see downloads


def middle(turns, key):
    return statistics.median(turn[key] for turn in turns)


def measurements(scenario, label, rounds, cost_reach, rate_reach, notes, rate_notes=()):
    """Of the same rounds: what a GiB costs, and how fast it came."""
    decided, undecided = decidable(rate_reach, rounds)
    more = report.more_of(rounds)
    for name, turns in rounds.items():
        for key in ("idle", "mb_per_second", "cpu_per_gib"):
            more[name][key] = report.spread([turn[key] for turn in turns])
    return [report.measurement(scenario, label, "CPU s/GiB", "s/GiB", rounds, "cpu_per_gib", reach=cost_reach,
                               more=more, notes=[*notes, *report.doubts(rounds)]),
            report.measurement(scenario, label, "MB/s", "MB/s", rounds, "mb_per_second", reach=decided, more=more,
                               lower_is_better=False, notes=[*rate_notes, *undecided])]


def decidable(goals, rounds):
    """Of goals for MB/s those that these rounds can decide, and why not the others: where the generator's core was full
    its speed was measured. A server that stays behind one that was held up so is slower all the same."""
    decided, notes = [], []
    rate = {name: middle(turns, "mb_per_second") for name, turns in rounds.items()}
    for goal in goals:
        rival = goal.against
        if rival == "best":
            rival = max(filter(report.packaged, rate), key=rate.get, default=None)
        full = [name for name in (goal.of, rival) if name in rate and middle(rounds[name], "generator_busy") > FULL]
        behind = full == [rival] and goal.of in rate and rate[goal.of] < goal.factor * rate[rival]
        if full and goal.of in rate and not behind:
            notes.append(f"no verdict on {goal.of}, MB/s: the generator's core was more than {FULL:.0%} busy with "
                         + " and ".join(full))
        else:
            decided.append(goal)
    return decided, notes


def shown(heading, rounds, columns, measured):
    print(f"\n{heading}")
    print(report.medians(rounds, columns))
    print("\n".join(line for each in measured for line in report.lines_of(each)), flush=True)
