"""range: pieces of 64 KiB out of a large file in the page cache, at random places, aligned."""
import os
import random

from load import answers, client
from load.servers import FILE, Failed, body_of
from load.work import OneTree

SIZE, QUICK_SIZE = 1 << 30, 32 << 20
QUESTIONS = 20_000
PATH = "/big.bin"


class Ranges(OneTree):
    """A connection asks for a piece, and then for another."""

    trial = True

    def prepare(self):
        super().prepare()
        size = QUICK_SIZE if self.options.quick else SIZE
        (self.root / FILE).write_bytes(body_of(1024))
        with open(self.root / PATH[1:], "wb") as file:
            for number in range(size >> 20):  # no two pieces alike
                file.write(number.to_bytes(8, "little") + os.urandom((1 << 20) - 8))
            file.flush()
            os.fsync(file.fileno())
        chosen = random.Random(1)
        places = [chosen.randrange(size // self.case.size) * self.case.size for _ in range(QUESTIONS)]
        self.samples = places[:3]
        self.questions = self.root / "questions"
        self.questions.write_text("".join(f"{PATH}\tRange: {self.range_of(place)}\n" for place in places))

    def range_of(self, place):
        return f"bytes={place}-{place + self.case.size - 1}"

    def ask(self, running, number=0):
        name = running.server.name
        with open(self.root / PATH[1:], "rb") as file:
            for place in self.samples:
                got = answers.fetch_kept(running, PATH, (f"Range: {self.range_of(place)}",))
                file.seek(place)
                answers.compare(got, file.read(self.case.size), 206, name)
                if not got.fields.get("content-range", "").startswith(f"bytes {place}-"):
                    raise Failed(f"{name}: Content-Range is {got.fields.get('content-range')}")
        return client.Ask(paths=self.questions, order="random", statuses=(206,))
