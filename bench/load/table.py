"""The table of scenarios: what is asked, by how many, of whom, and what uringd must reach. bench/README.md explains it.

One row, or a few of the same name, for each scenario that asks over HTTP and counts CPU time per request. What needs
more than that (big, bigcold, cold, idle, micro) is a module of its own.
"""
import dataclasses
import itertools
from collections.abc import Callable

from load import client, scenarios
from load.conditional import Conditional
from load.encoded import BEFORE, Encoded
from load.encoded import FORMS as CODINGS
from load.missing import KNOWN, ONE, UNKNOWN, Missing404
from load.ranges import Ranges
from load.report import Reach
from load.scaling import Scaling
from load.thumbs import Thumbs
from load.work import Case, Work

KIB = 1024
PEERS = ("nginx", "nginx-copy", "lighttpd", "h2o", "apache2", "caddy")
ALL = ("floor", "floor-epoll", "uringd", *PEERS)
HELD_TO_THE_FLOOR = 15  # rounds: verdicts of a few percent


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    about: str
    cases: tuple  # those that are measured when nothing else is said
    reach: Callable = lambda _case: ()
    work: type = Work
    servers: tuple = ALL
    generator: str = client.LOAD  # wrk's core is full before that of the faster servers
    depth: int = 1
    close: bool = False
    paced: bool = True  # latencies at a fixed rate make sense
    hot_beside: bool = False
    figure: str = "CPU us/request"
    sized: bool = True  # --size says how large the file is
    quick_files: int = 0  # its forms are numbers of files, which --files replaces; of the quick run
    quick_peers: tuple = ("nginx",)

    def cases_of(self, options):
        """--connections and --size replace those of the table, in all combinations."""
        cases = self.cases[:1] if options.quick else self.cases
        if self.quick_files and (options.files or options.quick):
            cases = (Case(form=f"{options.files or self.quick_files:,} files"),)
        if not options.connections and not (options.size and self.sized):
            return cases
        result = []
        for form in dict.fromkeys(case.form for case in cases):
            own = [case for case in cases if case.form == form]
            connections = options.connections or dict.fromkeys(case.connections for case in own)
            sizes = (options.size if self.sized else None) or dict.fromkeys(case.size for case in own)
            result += [Case(*pair, form) for pair in itertools.product(connections, sizes)]
        return result

    def effort_of(self, options, case):
        base = scenarios.QUICK if options.quick else scenarios.FULL
        if not options.quick and any(goal.against == "floor" for goal in self.reach(case)):
            base = dataclasses.replace(base, rounds=HELD_TO_THE_FLOOR)
        return dataclasses.replace(base, rounds=options.rounds or base.rounds, seconds=options.seconds or base.seconds,
                                   paced_rounds=min(options.rounds or base.paced_rounds, base.paced_rounds),
                                   paced_seconds=options.seconds or base.paced_seconds)


def hot_reach(case):
    if case.connections < 64:
        return ()
    if case.size >= 64 * KIB:
        return (Reach("best", 0.85),)
    if case.size > KIB:
        return (Reach("best", 0.75),)
    goals = (Reach("floor", 1.10), Reach("best", 0.80))
    return goals + saturated_reach() if case.connections == 64 else goals


def saturated_reach():
    """Few enters, but not for the price of waiting for more to do."""
    return (Reach(None, 0.1, key="enters_per_request", words="enters per request"),
            Reach("floor", 1.1, key="p50_us", words="p50 in the closed loop"))


def missing_reach(case):
    return {ONE: (Reach("floor", 1.10),), KNOWN: (Reach("best", 0.75),), UNKNOWN: (Reach("best", 1.5),)}[case.form]


def encoded_reach(case):
    found = case.form == BEFORE  # nobody compresses then
    return (Reach("uringd-identity", 1.05), Reach("best", 0.75) if found else Reach("lighttpd", 0.6))


ROWS = (
    Row("hot", "one file, keep-alive connections, one request at a time on each",
        (Case(64, KIB), Case(1, KIB), Case(512, KIB), Case(64, 4 * KIB), Case(64, 16 * KIB), Case(64, 64 * KIB),
         Case(64, 256 * KIB)), hot_reach, servers=(*ALL, "nginx-nopush-off", "lighttpd-writev"),
        quick_peers=("nginx", "lighttpd", "h2o", "apache2", "caddy")),  # of each, what it reads is tried
    Row("pipelined", "one file, keep-alive connections, 16 requests at once on each", (Case(),),
        lambda _case: (Reach("floor", 1.2), Reach("best", 0.1)), depth=16, paced=False,
        servers=(*ALL, "nginx-nopush-off")),
    Row("churn", "one file, a new connection for each request", (Case(),), lambda _case: (Reach("best", 0.85),),
        close=True),
    Row("thumbs", "random files of a tree in the page cache",
        (Case(64, form="100,000 files"), Case(64, form="10,000 files")),
        lambda _case: (Reach("best", 0.75, of="uringd-small"),), work=Thumbs, sized=False, quick_files=2_000,
        servers=("uringd", "nginx", "nginx-copy", "nginx-no-cache", "nginx-copy-no-cache", "lighttpd",
                 "lighttpd-simple", "h2o", "apache2", "caddy")),
    Row("missing", "names that do not exist, in a directory of 10,000 files, beside one client who asks for a hot file",
        (Case(form=ONE), Case(form=KNOWN), Case(form=UNKNOWN)), missing_reach, work=Missing404,
        hot_beside=True, paced=False, sized=False,
        servers=("floor", "floor-epoll", "uringd", "nginx", "nginx-errors-off", "lighttpd", "h2o", "apache2",
                 "caddy")),
    Row("conditional", "If-None-Match with the file's own tag: 304", (Case(),),
        lambda _case: (Reach("floor", 1.10),), work=Conditional,
        servers=("floor", "floor-epoll", "uringd", "nginx", "lighttpd", "h2o", "apache2", "caddy")),
    Row("range", "64 KiB of a file of 1 GiB in the page cache, anywhere in it", (Case(64, 64 * KIB),),
        lambda _case: (Reach("best", 0.95, of="uringd-zero"), Reach("h2o", 0.9, of="uringd-copy")), work=Ranges,
        servers=("uringd-zero", "uringd-copy", "nginx", "nginx-nopush-off", "nginx-copy", "lighttpd", "h2o", "apache2",
                 "caddy")),
    Row("encoded", "a text of 16 KiB, compressed by the server", tuple(Case(64, 16 * KIB, form) for form in CODINGS),
        encoded_reach, work=Encoded, paced=False,
        servers=("uringd", "nginx", "lighttpd", "h2o", "apache2", "caddy")),
    Row("scaling", "one file, keep-alive connections, by one worker and by more", (Case(),), Scaling.reach,
        work=Scaling, servers=("uringd",), paced=False),
)
NAMES = tuple(dict.fromkeys(row.name for row in ROWS))


def rows_of(name):
    return [row for row in ROWS if row.name == name]
