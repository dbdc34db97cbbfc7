"""scaling: what a request costs when more workers share the load; with more cores, what they reach together.

With fewer than four CPUs there is no room for that: then two workers share the server's core, which shows what they
lose to each other, and two workers have both cores, the second one shared with the generator. The rows say so.
"""
import dataclasses

from load import client, machine
from load.report import Reach
from load.work import Work

FLAT = 1.05  # of one worker's CPU time per request
FOLLOWS = 0.85  # of N times one worker's requests/s, with N cores


class Scaling(Work):
    def __init__(self, row, case, options):
        super().__init__(row, case, options)
        self.forms, self.cpus, self.threads = forms()
        if self.threads > 1:
            client.check_wrk()
            self.generator = client.WRK  # the other has one

    def contenders(self, servers):
        return [self.form_of("uringd", name) for name in self.forms] if servers else []

    def setup_of(self, server):
        workers, cpus = self.forms[server.name]
        return dataclasses.replace(self.setup, workers=workers, cpus=cpus)

    def load(self, running, ask, seconds):
        ask = dataclasses.replace(ask, threads=self.threads)
        return client.loaded(self.generator, self.build, running, self.cpus, self.connections, seconds,
                             ask).none_wrong(running).words()

    @staticmethod
    def reach(_case):
        names = list(forms()[0])
        goals = [Reach(names[0], FLAT, of=name) for name in names[1:]]
        if len(machine.usable()) >= 4:
            goals += [Reach(names[0], FOLLOWS * forms()[0][name][0], of=name, key="requests_per_second", at_least=True,
                            words="requests/s") for name in names[1:]]
        return tuple(goals)


def forms():
    """{name: (workers, CPUs)}, the generator's CPUs, its threads."""
    usable = machine.usable()
    if len(usable) < 4:
        server, generator = machine.cpus()
        return {"uringd, 1 worker": (1, (server,)), "uringd, 2 workers on one core": (2, (server,)),
                "uringd, 2 workers, one of them beside the generator": (2, tuple(sorted({server, generator})))}, \
            (generator,), 1
    half = len(usable) // 2
    counts = [1]
    while counts[-1] * 2 <= half:
        counts.append(counts[-1] * 2)
    counts += [half] if half not in counts else []
    return {f"uringd, {count} worker{'s'[count == 1:]}": (count, tuple(usable[-count:])) for count in counts}, \
        tuple(usable[:half]), half
