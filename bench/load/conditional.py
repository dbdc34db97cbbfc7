"""conditional: everybody has the file already and asks whether it is still that one: 304, no body."""
import dataclasses

from load import answers, client
from load.servers import Failed, body_of
from load.work import Work


class Conditional(Work):
    trial = True
    answer = None  # bytes of uringd's 304: as much as the floor sends

    def contenders(self, servers):
        """uringd first: the floor is as long as its answer."""
        return sorted(servers, key=lambda server: not server.name.startswith("uringd"))

    def setup_of(self, server):
        return dataclasses.replace(self.setup, answer=self.answer) if is_floor(server) else self.setup

    def tried(self, running, ask):
        if self.answer is None and not is_floor(running.server):
            self.answer = answers.fetch_kept(running, headers=ask.headers).size

    def ask(self, running, number=0):
        if is_floor(running.server):
            return checked_floor(running, self.answer)
        whole = answers.fetch_kept(running)
        answers.compare(whole, body_of(self.case.size), 200, running.server.name)
        tag = whole.fields.get("etag")
        if not tag:
            raise Failed(f"{running.server.name}: an answer without ETag")
        header = f"If-None-Match: {tag}"
        client.verify(running, b"", status=304, headers=(header,))
        client.verify(running, body_of(self.case.size), headers=('If-None-Match: "another"',))
        return client.Ask(path=running.server.path, headers=(header,), statuses=(304,))


def is_floor(server):
    return server.name.startswith("floor")


def checked_floor(running, size):
    """What to ask of a floor that must answer with `size` bytes altogether, head and all."""
    got = answers.fetch_kept(running).size
    if size and got != size:
        raise Failed(f"{running.server.name}: its answer has {got} bytes, not {size}")
    return client.Ask(path=running.server.path)
