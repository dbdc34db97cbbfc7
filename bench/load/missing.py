"""missing: a flood of names that do not exist, in a directory of many files, beside one client who asks for a hot file.

The floor answers as many bytes as uringd does.
"""
import dataclasses
import random

from load import answers, client, machine, scenarios
from load.conditional import checked_floor, is_floor
from load.servers import body_of
from load.work import OneTree

ONE, KNOWN, UNKNOWN = "one path", "random names", "random names, the first second"
FILES, QUICK_FILES = 10_000, 1_000
NAMES, QUICK_NAMES = 1_200_000, 200_000  # half of them for the load: none is asked for twice
LEAST_WARM_UP = 0.5  # seconds in which a server may get to know the directory
PATH = "/many/missing.txt"


class Missing404(OneTree):
    trial = True
    answer = None  # bytes of uringd's 404: as much as the floor sends

    def prepare(self):
        super().prepare()
        (self.root / "many").mkdir()
        for number in range(self.options.files or (QUICK_FILES if self.options.quick else FILES)):
            (self.root / "many" / f"{number}.txt").write_bytes(b"x")
        if self.case.form == ONE:
            return
        numbers = random.Random(1).sample(range(10 ** 9), QUICK_NAMES if self.options.quick else NAMES)
        self.count = len(numbers) // 2
        self.warm_names, self.names = self.root / "warm", self.root / "names"
        for file, part in ((self.warm_names, numbers[::2]), (self.names, numbers[1::2])):
            file.write_text("".join(f"/many/{number}-missing.txt\n" for number in part))

    def contenders(self, servers):
        """uringd first: the floor is as long as its answer, and of use where the answer is always the same."""
        able = [server for server in servers if self.case.form == ONE or not is_floor(server)]
        return sorted(able, key=lambda server: not server.name.startswith("uringd"))

    def setup_of(self, server):
        return dataclasses.replace(self.setup, answer=self.answer) if is_floor(server) else self.setup

    def tried(self, running, ask):
        if self.answer is None and not is_floor(running.server):
            self.answer = answers.fetch_kept(running, PATH).size

    def ask(self, running, number=0):
        if is_floor(running.server):
            return checked_floor(running, self.answer)
        client.verify(running, body_of(self.case.size))
        if self.case.form == ONE:
            client.verify(running, None, path=PATH, status=404)
            return client.Ask(path=PATH, statuses=(404,))
        return client.Ask(paths=self.names, order="walk", statuses=(404,))

    def check(self, running):
        self.ask(running)
        if not is_floor(running.server):
            client.verify(running, None, path=PATH, status=404)
            client.verify(running, b"x", path="/many/7.txt")

    def warm_up(self, running, ask, seconds):
        if self.case.form == KNOWN:
            super().warm_up(running, dataclasses.replace(ask, paths=self.warm_names), max(seconds, LEAST_WARM_UP))
        elif self.case.form == ONE:
            super().warm_up(running, ask, seconds)

    def load(self, running, ask, seconds):
        if self.case.form == UNKNOWN:
            seconds = 1
        body = None if is_floor(running.server) else body_of(self.case.size)
        with client.beside(self.generator, self.build, running, machine.cpus()[1], self.connections, seconds,
                           ask) as finish, scenarios.hot_client(running, self.build, seconds, body) as begin:
            hot = begin()
            seen = finish().none_wrong(running)
            if self.case.form != ONE and seen.requests > self.count:
                seen.errors.append("there were not names enough: some were asked for twice")
            return seen.words() | {"hot": hot()}
