"""Figures for the mock: counters of some workers that grow as under a load which swells, spikes and now and then turns
cold. Time may be given, so that minutes of history can be made up in a moment.
"""
import datetime
import json
import math
import random
import threading

CODES = {'200': .86, '304': .09, '206': .01, '404': .035, '503': .0005, '301': .004}
REASONS = {'capacity': 6, 'idle': 2.5, 'changed': .6, 'missing': .2, 'watch': 1.2, 'replaced': .4,
           'closing': .05, 'admin': 0}
PHASES = {'request': (9e-5, 2.1e-3), 'queue': (8e-6, 4e-4), 'open': (4.5e-5, 9e-4), 'read': (6e-5, 1.6e-3),
          'send': (2.2e-5, 6e-4)}
CONFIG = '''\
[server]
listen          = [":8080"]          # config.toml:3
workers         = 4                  # --set
pin             = "auto"             # default
shutdown_delay  = "5s"               # config.toml:6
drain_timeout   = "30s"              # default
trusted_proxies = ["10.0.0.0/8"]     # config.toml:8

[limits]
connections     = 65536              # default
header_timeout  = "10s"              # default
idle_timeout    = "60s"              # default

[cache]
size            = "256MiB"           # config.toml:14
max_file_size   = "64KiB"            # default
stale_after     = "2s"               # default

[admin]
listen          = "127.0.0.1:9090"   # config.toml:18
token_file      = "/run/secrets/uringd"   # environment
overlay_size    = "16MiB"            # default

[[site]]
hosts           = ["www.example.org", "*.example.org"]
root            = "www"
fallback        = "/index.html"      # '#' in "quotes # are" not comments
cache_control   = { "text/html" = "no-cache" }
'''


class Figures:
    def __init__(self, workers, seed):
        self.chance = random.Random(seed)
        self.lock = threading.Lock()
        self.state, self.reloads, self.idle = 'serving', 0, False
        self.started = self.now = datetime.datetime.now(datetime.timezone.utc)
        self.started -= datetime.timedelta(days=12, hours=4)
        self.cpu_s = 91234.5
        self.workers = [self.fresh() for _ in range(workers)]
        self.window = {}

    def fresh(self):
        count = self.chance.randrange(90_000_000, 110_000_000)
        return {'requests': count, 'by_code': {code: int(count * share) for code, share in CODES.items()},
                'by_method': {'GET': count}, 'response_bytes': count * 11_000,
                'accepted': count // 40, 'closed': count // 40 - 200,
                'refused': 0, 'timeouts': 311, 'aborted': 1204, 'log': {'lines': count, 'dropped': 0},
                'ring': {'enters': count // 3, 'sqes': count * 2, 'cqes': count * 2, 'cq_overflows': 0},
                'disk': {'queue_depth': 0, 'queue_size': 256, 'rejected': 0, 'timeouts': 0},
                'connections': {}, 'latency': {},
                'cache': {'entries': 9000, 'capacity_bytes': 64 << 20, 'hits': int(count * .97), 'stale': 120,
                          'misses': {'cold': count // 50, 'expired': count // 90}, 'bytes': {},
                          'evictions': {name: int(1e5 * weight) for name, weight in REASONS.items()}}}

    def step(self, interval):
        """Lets `interval` seconds pass."""
        chance, when = self.chance, self.now.timestamp()
        self.now += datetime.timedelta(seconds=interval)
        swell = 0 if self.idle else 1 + .25 * math.sin(when / 37) + .12 * math.sin(when / 7.3)
        spike = 1.9 if when % 97 < 6 else 1
        cold = max(0, math.sin(when / 61)) ** 8
        errors = 60 if when % 211 < 9 else 1
        self.cpu_s += interval * swell * spike * 1.4
        for index, worker in enumerate(self.workers):
            load = int(max(0, interval * 21_000 * swell * spike * (1 + .05 * index) * chance.gauss(1, .03)))
            worker['requests'] += load
            for code, share in CODES.items():
                worker['by_code'][code] += int(load * share * (errors if code == '503' else 1))
            worker['response_bytes'] += int(load * chance.gauss(11_000, 350))
            worker['accepted'] += load // 40
            cache, misses = worker['cache'], int(load * (.012 + .22 * cold))
            cache['hits'] += load - misses
            cache['misses']['cold'] += misses
            cache['misses']['expired'] += misses // 6
            for name, weight in REASONS.items():
                grown = weight * interval * chance.expovariate(1) * (1 + 14 * cold)
                cache['evictions'][name] += int(grown) if load else 0
            full = 42e6 + 9e6 * math.sin(when / 180)
            cache['bytes'] = {'content': int(full), 'compressed': int(full * .29), 'overlay': 412_000,
                              'negative': 310_000, 'files': 520_000, 'names': 260_000}
            worker['disk']['queue_depth'] = int(chance.expovariate(1 / (3 + 120 * cold))) if load else 0
            worker['disk']['rejected'] += chance.randrange(9) if cold > .9 and load else 0
            worker['ring']['enters'] += int(load / (2.1 * spike)) + 1
            worker['ring']['sqes'] += int(load * 2.2) + 1
            total = int(380 * (swell + .4) * spike)
            states = {'idle': .62, 'reading': .04, 'waiting': .03 + .2 * cold, 'sending': .2, 'closing': .01}
            worker['connections'] = {name: int(total * share * chance.gauss(1, .05)) for name, share in states.items()}
            worker['connections']['open'] = sum(worker['connections'].values())
            worker['latency'] = {name: self.histogram(worker['requests'], *both) for name, both in PHASES.items()}
        busy = spike * (1 + 6 * cold)
        self.window = {name: {'count': int(40_000 * swell) if name in ('request', 'send') or cold > .01 else 0,
                              'p50_s': p50 * busy * chance.gauss(1, .06), 'p99_s': p99 * busy * chance.gauss(1, .12)}
                       for name, (p50, p99) in PHASES.items()}

    @staticmethod
    def histogram(count, p50, p99):
        return {'count': count, 'sum_s': count * p50 * 1.3, 'p50_s': p50, 'p90_s': p50 * 4, 'p99_s': p99,
                'p999_s': p99 * 9, 'max_s': p99 * 140}

    def stats(self):
        """The figures now, as GET /stats/stream gives them."""
        with self.lock:
            passed = (datetime.datetime.now(datetime.timezone.utc) - self.now).total_seconds()
            if passed > .02 or not self.window:
                self.step(max(passed, .001))
            return json.dumps(self.answer())

    def past(self, seconds):
        """Figures of each of the last `seconds`, as if somebody had listened since then."""
        with self.lock:
            self.now = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=seconds)
            for _ in range(seconds):
                self.step(1)
                yield json.dumps(self.answer())

    def answer(self):
        total = self.workers[0]
        for worker in self.workers[1:]:
            total = add(total, worker)
        total = dict(total, latency=self.workers[0]['latency'])
        return {'version': '0.1.0', 'started': self.started.isoformat(), 'state': self.state,
                'workers': len(self.workers), 'time': self.now.isoformat(timespec='milliseconds'),
                'uptime_s': (self.now - self.started).total_seconds(),
                'process': {'resident_bytes': 341_000_000, 'cpu_s': self.cpu_s, 'open_files': 1812,
                            'max_files': 524288},
                'total': total, 'per_worker': self.workers, 'window': {'interval_s': 1.0, 'latency': self.window}}


def add(one, other):
    """Two sets of figures as one; a missing member counts as nothing."""
    if isinstance(one, dict):
        return {name: add(one[name], other[name]) if name in one and name in other else one.get(name, other.get(name))
                for name in {**one, **other}}
    return one + other
