"""thumbs: random small files of a tree that is in the page cache.

uringd takes part twice: with its cache as it is by default, which holds the whole tree where memory allows, and as
uringd-small, whose cache holds a fortieth: what a miss costs. Each file was asked for once before the load, so that
servers that keep descriptors have them.
"""
import dataclasses

from load import client, machine, tree
from load.packaged import nginx_may_keep
from load.servers import Setup, descriptors_allowed
from load.work import Work

SPARE = 5_000  # descriptors beside one for each file
SMALL_PART = 40  # of the tree's bytes, in uringd-small's cache


class Thumbs(Work):
    def prepare(self):
        self.files = int(self.case.form.split()[0].replace(",", ""))
        tree.make(self.root, self.files)  # and with that all of it is in the page cache
        self.questions = self.root / "questions"
        self.questions.write_text("".join(f"{tree.path_of(number)}\n" for number in range(self.files)))
        kept = nginx_may_keep(descriptors_allowed(self.files + SPARE))
        if kept < self.files:
            self.notes.append(f"the limit on open files lets nginx keep {kept} of {self.files} files open")
        self.setup = Setup(root=self.root, files=min(kept, self.files), descriptors=self.files + SPARE)
        size = max(1 << 20, self.files * tree.SIZE // SMALL_PART)
        self.small = dataclasses.replace(self.setup, cache_size=f"{size >> 10}KiB")

    def contenders(self, servers):
        result = []
        for server in servers:
            result += [server] + ([self.form_of("uringd", "uringd-small")] if server.name == "uringd" else [])
        return result

    def setup_of(self, server):
        return self.small if server.name == "uringd-small" else self.setup

    def ask(self, running, number=0):
        for path, text in tree.samples(self.files):
            client.verify(running, text, path=path)
        return client.Ask(paths=self.questions)

    def warm_up(self, running, ask, seconds):
        walk = dataclasses.replace(ask, order="walk")
        with client.load_beside(self.build, running, machine.cpus()[1], self.connections, 60, walk,
                                more=("--once",)) as finish:
            finish().none_wrong(running)
        super().warm_up(running, ask, seconds)
