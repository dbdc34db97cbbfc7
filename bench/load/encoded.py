"""encoded: a text that the server sends compressed, to clients that take one coding.

The server compresses it (each has its own way: for each answer again, once into a cache of its own, once to disk), or
finds it compressed beside the file. Every answer's body is decoded and compared. uringd-identity is uringd with a file
as long as its compressed answer: what the same bytes cost where nothing was ever compressed.
"""
import dataclasses
import gzip
import random
import time

from load import answers, client, decode
from load.servers import FILE, Failed, Missing, body_of
from load.work import OneTree

BEFORE = "gzip, a file beside"
FORMS = ("gzip", "br", "zstd", BEFORE)
PLAIN = "/plain.txt"
PATIENCE_SECONDS = 5  # until a server that compresses beside its other work has done so
WORDS = ("the of and to in is was for that on as with it by at from his an were are which this be had has its one who "
         "also but not have their they been other first two more into after new when time city some may only made over "
         "year world state between during many people university national government system water music family history "
         "company school national river century through against service million language different development").split()


def text_of(size):
    """English as a compressor sees it: frequent words are frequent, and it shrinks to about a third."""
    chosen = random.Random(2)
    weights = [1 / (rank + 2) for rank in range(len(WORDS))]
    words = (word if chosen.random() < 0.9 else f"{word}{chosen.randrange(1000)}"
             for word in chosen.choices(WORDS, weights, k=size // 3))
    return " ".join(words).encode()[:size]


class Encoded(OneTree):
    trial = True

    def prepare(self):
        super().prepare()
        self.text = text_of(self.case.size)
        (self.root / FILE).write_bytes(self.text)
        self.coding = self.case.form.split(",")[0]
        before = self.case.form == BEFORE
        if before:
            (self.root / f"{FILE}.gz").write_bytes(gzip.compress(self.text, 9))
        decode.check(self.coding)
        self.setup = dataclasses.replace(self.setup, precompressed=before, compress=None if before else self.coding)
        self.identity = dataclasses.replace(self.setup, precompressed=False, compress=None)

    def contenders(self, servers):
        result = []
        for server in servers:
            result.append(server)
            if server.name == "uringd":
                identity = self.form_of("uringd", "uringd-identity")
                identity.path = PLAIN
                result.append(identity)
        return sorted(result, key=lambda server: not server.name.startswith("uringd"))

    def setup_of(self, server):
        return self.identity if server.path == PLAIN else self.setup

    def tried(self, running, ask):
        if running.server.name == "uringd":
            encoded = answers.fetch_kept(running, headers=ask.headers)
            self.plain = body_of(len(encoded.body))
            (self.root / PLAIN[1:]).write_bytes(self.plain)

    def ask(self, running, number=0):
        if running.server.path == PLAIN:
            client.verify(running, self.plain, path=PLAIN)
            return client.Ask(path=PLAIN)
        header = f"Accept-Encoding: {self.coding}"
        self.wait_until_encoded(running, header)
        for _ in range(2):
            got = answers.fetch_kept(running, headers=(header,))
            if got.fields.get("content-encoding") != self.coding or decode.decoded(self.coding, got.body) != self.text:
                raise Failed(f"{running.server.name}: {len(got.body)} bytes of {self.coding} are not the text")
        client.verify(running, self.text, headers=("Accept-Encoding: identity",))
        return client.Ask(path=running.server.path, headers=(header,))

    def wait_until_encoded(self, running, header):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            if answers.fetch_kept(running, headers=(header,)).fields.get("content-encoding") == self.coding:
                return
            time.sleep(0.02)
        raise Missing(f"{running.server.name}: it does not answer in {self.coding}")
