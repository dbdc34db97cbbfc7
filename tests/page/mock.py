"""A stand-in for the admin interface, to develop its page with and to test it by: serves src/admin/page and plausible
figures that change, in the shapes of /stats, /stats/stream, /cache and /reload; refuses as the daemon does (401, 413,
422). Standard library only. By hand:  python3 tests/page/mock.py --port 9191 [--token secret] [--workers 4]

What a test does besides: reads `requests` (all that was asked of /cache and /reload), sets `figures.state`, `dead` (the
stream ends and everything is refused), `reload_fails`, `empty`. Entries have names that a careless page
would stumble over.
"""
import argparse
import datetime
import json
import os
import random
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import figures  # noqa: E402

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'src', 'admin', 'page')
POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
          "base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
TYPES = {'html': 'text/html; charset=utf-8', 'css': 'text/css; charset=utf-8', 'svg': 'image/svg+xml',
         'js': 'text/javascript; charset=utf-8'}
ODD_PATHS = ['/a b/100%.txt', '/quote"s/it\'s.html', '/<script>alert(1)</script>.html', '/ünïcode/日本語.html',
             '/q?a=1&b#c.txt', '/' + 'very-long-name-' * 12 + '.js',
             '/back\\slash.txt', '/%2e%2e/escaped.txt', '/שלום.html']
KINDS = [('css', 'text/css; charset=utf-8'), ('js', 'text/javascript; charset=utf-8'),
         ('html', 'text/html; charset=utf-8'), ('png', 'image/png'), ('svg', 'image/svg+xml'),
         ('woff2', 'font/woff2'), ('json', 'application/json')]


class Mock:
    """What the handler's threads share."""

    def __init__(self, token='', workers=4, entries=2500, seed=1, read_needs_token=False, past_s=0):
        self.token, self.read_needs_token = token, read_needs_token
        self.sites = ['www.example.org', 'static.example.org']
        self.requests = []
        self.dead = self.reload_fails = self.empty = False
        self.overlay_limit, self.past_s = 1 << 20, past_s
        self.lock = threading.Lock()
        self.figures = figures.Figures(workers, seed)
        chance = random.Random(seed)
        self.entries = {path: make_entry(path, 'text/html; charset=utf-8', chance) for path in ODD_PATHS}
        for number in range(entries):
            kind, media_type = KINDS[number % len(KINDS)]
            place = ['assets', 'img', 'docs/guide', 'blog/2025', 'fonts'][number % 5]
            path = f'/{place}/file-{chance.randrange(16**6):06x}.{kind}'
            self.entries[path] = make_entry(path, media_type, chance)
        overlay = make_entry('/maintenance.html', KINDS[2][1], chance)
        self.entries[overlay['path']] = dict(overlay, state='overlay', hits=70412)

    def list(self, query):
        """Answers GET /cache; `next` is the number of the entry to go on with."""
        site = query.get('site', self.sites[0])
        with self.lock:
            found = [] if self.empty else list(self.entries.values())
        if site != self.sites[0]:
            found = []
        found = [entry for entry in found
                 if entry['path'].startswith(query.get('prefix', '')) and query.get('q', '') in entry['path']]
        order = query.get('sort', 'path')
        key = {'path': 'path', 'size': 'size', 'hits': 'hits', 'age': 'age_s'}[order.lstrip('-')]
        found.sort(key=lambda entry: entry[key], reverse=order.startswith('-'))
        begin, limit = int(query.get('after', '0')), int(query.get('limit', '100'))
        more = str(begin + limit) if begin + limit < len(found) else None
        return {'site': site, 'sites': self.sites, 'total': len(found),
                'entries': found[begin:begin + limit], 'next': more}

    def drop(self, path):
        with self.lock:
            gone = [each for each in self.entries if each == path or (path.endswith('/') and each.startswith(path))]
            for each in gone:
                del self.entries[each]
        return {'dropped': len(gone)}

    def stats(self, whole):
        answer = json.loads(self.figures.stats())
        if whole:
            answer['config'] = {'file': 'config.toml', 'reloads': self.figures.reloads, 'text': figures.CONFIG,
                                'last_reload_successful': not self.reload_fails,
                                'last_reload_time': datetime.datetime.now(datetime.timezone.utc).isoformat()}
        return answer


def make_entry(path, media_type, chance):
    size = int(chance.lognormvariate(9, 1.1)) + 200
    plain = not media_type.startswith(('image/png', 'font'))
    shares = {'zstd': .26, 'br': .22, 'gzip': .28}
    copies = [{'encoding': name, 'size': int(size * share)} for name, share in shares.items()]
    return {'path': path, 'size': size, 'type': media_type, 'encoding': 'identity', 'workers': chance.randint(1, 4),
            'copies': copies[:chance.randint(1, 3)] if plain else [], 'hits': int(chance.paretovariate(.6)),
            'age_s': round(chance.expovariate(1 / 400), 3), 'state': 'stale' if chance.random() < .05 else 'fresh'}


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *_):
        pass

    def do_GET(self):
        mock, url = self.server.mock, urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        if url.path in ('/stats', '/stats/stream', '/cache'):
            if mock.dead:
                self.close_connection = True
            elif mock.read_needs_token and not self.allowed():
                pass
            elif url.path == '/stats/stream':
                self.stream()
            elif url.path == '/cache':
                mock.requests.append(('GET', self.path, {}, b''))
                self.answer(200, mock.list(query))
            else:
                self.answer(200, mock.stats(whole=True))
            return
        name = url.path.lstrip('/') or 'index.html'
        file = os.path.join(PAGE, name)
        if '/' in name or not os.path.isfile(file):
            self.answer(404, {'error': 'Nothing is here.', 'hint': 'See /.'})
            return
        with open(file, 'rb') as opened:
            self.send(200, opened.read(), TYPES[name.rsplit('.', 1)[1]])

    def stream(self):
        mock = self.server.mock
        self.send_response(200)
        self.send_header('Content-Type', 'text/event-stream')
        self.send_header('Connection', 'close')
        self.end_headers()
        self.close_connection = True
        try:
            for data in mock.figures.past(mock.past_s):
                self.wfile.write(f'data: {data}\n\n'.encode())
            while not mock.dead:
                self.wfile.write(f'data: {mock.figures.stats()}\n\n'.encode())
                time.sleep(self.server.tick_s)
        except OSError:
            return

    def do_DELETE(self):
        if not self.allowed():
            return
        path, _ = self.cache_path()
        self.server.mock.requests.append(('DELETE', self.path, dict(self.headers), b''))
        self.answer(200, self.server.mock.drop(path))

    def do_PUT(self):
        mock = self.server.mock
        body = self.rfile.read(int(self.headers.get('Content-Length', 0)))
        if not self.allowed():
            return
        path, _ = self.cache_path()
        mock.requests.append(('PUT', self.path, dict(self.headers), body))
        if len(body) > mock.overlay_limit:
            self.answer(413, {'error': 'All overlays together may take 1 MiB.', 'hint': 'See admin.overlay_size.'})
            return
        media_type = self.headers.get('Content-Type', 'application/octet-stream')
        entry = dict(make_entry(path, media_type, random.Random(1)), size=len(body), state='overlay', hits=0, age_s=0)
        with mock.lock:
            known = path in mock.entries
            mock.entries[path] = entry
        self.answer(200 if known else 201, {'path': path, 'size': len(body), 'etag': '"0"'})

    def do_POST(self):
        mock = self.server.mock
        if not self.allowed():
            return
        mock.requests.append(('POST', self.path, dict(self.headers), b''))
        if mock.reload_fails:
            self.answer(422, {'error': 'The configuration is bad.', 'hint': 'The old one stays in force.', 'errors': [
                'config.toml:12:5: limits.connections: "many" is not a number',
                'config.toml:31:1: site.root: no such directory: /srv/www (nearest: /srv/web)']})
            return
        mock.figures.reloads += 1
        self.answer(200, {'reloaded': True})

    def cache_path(self):
        url = urllib.parse.urlsplit(self.path)
        return urllib.parse.unquote(url.path.removeprefix('/cache')), dict(urllib.parse.parse_qsl(url.query))

    def allowed(self):
        token = self.server.mock.token
        if not token or self.headers.get('Authorization') == f'Bearer {token}':
            return True
        self.answer(401, {'error': 'This needs the token.', 'hint': 'Authorization: Bearer TOKEN'},
                    {'WWW-Authenticate': 'Bearer realm="uringd"'})
        return False

    def answer(self, status, value, fields=None):
        self.send(status, json.dumps(value).encode(), 'application/json', fields)

    def send(self, status, body, media_type, fields=None):
        self.send_response(status)
        always = {'Content-Type': media_type, 'Content-Length': len(body), 'Cache-Control': 'no-cache',
                  'Content-Security-Policy': POLICY, 'X-Content-Type-Options': 'nosniff'}
        for name, value in {**always, **(fields or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, mock, port=0, tick_s=1.0):
        super().__init__(('127.0.0.1', port), Handler)
        self.mock, self.tick_s = mock, tick_s


if __name__ == '__main__':
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument('--port', type=int, default=9191)
    options.add_argument('--token', default='')
    options.add_argument('--workers', type=int, default=4)
    options.add_argument('--entries', type=int, default=2500)
    options.add_argument('--past-s', type=int, default=0, help='seconds of history that a new stream begins with')
    options.add_argument('--read-needs-token', action='store_true')
    given = options.parse_args()
    port = given.__dict__.pop('port')
    print(f'http://127.0.0.1:{port}/', flush=True)
    Server(Mock(**given.__dict__), port).serve_forever()
