"""What a line of the table asks for: the tree that is served, the question, and which answers are right.

A Work lives for one case, its temporary directory with it; every server of that case, in each of its turns, gets the
same. Scenarios that ask otherwise derive theirs from it.
"""
import copy
import dataclasses
import pathlib
import tempfile

from load import client, machine
from load.kinds import SERVERS
from load.servers import FILE, Setup, body_of


@dataclasses.dataclass(frozen=True)
class Case:
    """One table of figures: how many connections, how large the file, and which form of the question."""

    connections: int = 64
    size: int = 1024
    form: str = ""

    @property
    def label(self):
        size = f"{self.size >> 10} KiB" if self.size % 1024 == 0 else f"{self.size} bytes"
        return f"{self.form or size}, {self.connections} connection{'s'[self.connections == 1:]}"


class Work:
    """One file, and everybody asks for it."""

    trial = False  # every server is asked once, before the first round, whether it can do this at all

    def __init__(self, row, case, options):
        self.row, self.case, self.options, self.build = row, case, options, options.build
        self.connections = case.connections
        self.setup = Setup(size=case.size, close=row.close)
        self.generator = options.generator or row.generator
        self.notes = []  # what a reader of the figures must know

    def __enter__(self):
        self.directory = tempfile.TemporaryDirectory(prefix="uringd-bench-")
        self.root = pathlib.Path(self.directory.name)
        self.root.chmod(0o755)
        self.prepare()
        return self

    def __exit__(self, *_):
        self.directory.cleanup()

    def prepare(self):
        """Makes the tree, where it is more than the one file that a server gets anyway."""

    def contenders(self, servers):
        """Who takes part: the servers, or more than one form of some of them."""
        return servers

    def form_of(self, server_name, name):
        """Another form of a kind of server, under a name of its own."""
        server = copy.copy(SERVERS[server_name](self.build))
        server.name = name
        return server

    def setup_of(self, server):
        return self.setup

    def ask(self, running, number=0):
        """Raises Failed where an answer is not right, Missing where this server does not do such a thing; else what the
        generator is to ask for, in that round."""
        body = body_of(self.case.size)
        client.verify(running, body, self.row.depth, self.row.close)
        return client.Ask(path=running.server.path, depth=self.row.depth, close=self.row.close)

    def check(self, running):
        """Once more after the load."""
        self.ask(running)

    def tried(self, running, ask):
        """After the trial of a server, while it runs."""

    def warm_up(self, running, ask, seconds):
        if seconds:
            client.loaded(self.generator, self.build, running, machine.cpus()[1], self.connections, seconds,
                          ask).none_wrong(running)

    def load(self, running, ask, seconds):
        """The load itself, in the words of a round."""
        return client.loaded(self.generator, self.build, running, machine.cpus()[1], self.connections, seconds,
                             ask).none_wrong(running).words()


class OneTree(Work):
    """A tree of its own that all turns share, with the hot file in it."""

    def prepare(self):
        (self.root / FILE).write_bytes(body_of(self.case.size))
        self.setup = dataclasses.replace(self.setup, root=self.root)
