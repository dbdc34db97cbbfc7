"""The page against the server itself (run --server FILE): a process with a token, odd file names and clients that ask;
what the page shows is what the server says, and what is clicked happens there. One server for all situations.
"""
import http.client
import json
import os
import random
import socket
import subprocess
import tempfile
import threading
import time
import urllib.parse

from situations import ODD, Stage

TOKEN = 'open-sesame'


def free_port():
    with socket.socket() as one:
        one.bind(('127.0.0.1', 0))
        return one.getsockname()[1]


class Served:
    """uringd with its admin interface, its files and its configuration, in a directory of its own."""

    def __init__(self, program):
        self.directory = tempfile.TemporaryDirectory(prefix='uringd-page-')
        self.port, self.admin_port = free_port(), free_port()
        for path in ODD:
            self.write('www' + path, path)
        for number in range(30):
            self.write(f'www/img/{number}.txt', 'some text to compress\n' * (1 + number * 60))
        self.write('www/big.bin', 'x' * 1_000_000)
        self.write('token', TOKEN + '\n', 0o600)
        self.configure()
        time.sleep(1.1)  # a file that has just changed is not held
        self.process = subprocess.Popen([program, '--config', self.at('config.toml')], stderr=subprocess.DEVNULL)
        for _ in range(100):
            try:
                socket.create_connection(('127.0.0.1', self.admin_port)).close()
                break
            except OSError:
                time.sleep(.05)
        self.loading = False
        self.clients = []

    def at(self, path):
        return os.path.join(self.directory.name, path)

    def write(self, path, text, mode=0o644):
        os.makedirs(os.path.dirname(self.at(path)), exist_ok=True)
        with open(self.at(path), 'w', encoding='utf-8') as file:
            file.write(text)
        os.chmod(self.at(path), mode)

    def configure(self, more=''):
        self.write('config.toml', f'''[server]
listen = "127.0.0.1:{self.port}"
workers = 2
[cache]
stale_after = "1h"
[admin]
listen = "127.0.0.1:{self.admin_port}"
token_file = "token"
read = "token"
{more}
[[site]]
root = "www"
compress = ["gzip"]
''')

    def get(self, path, client=None):
        own = client or http.client.HTTPConnection('127.0.0.1', self.port)
        own.request('GET', urllib.parse.quote(path), headers={'Accept-Encoding': 'gzip'})
        response = own.getresponse()
        response.read()
        if not client:
            own.close()
        return response

    def stats(self):
        own = http.client.HTTPConnection('127.0.0.1', self.admin_port)
        own.request('GET', '/stats', headers={'Authorization': f'Bearer {TOKEN}'})
        found = json.loads(own.getresponse().read())
        own.close()
        return found

    def __enter__(self):
        self.loading = True
        self.clients = [threading.Thread(target=self.ask_on, args=(seed,)) for seed in range(4)]
        for client in self.clients:
            client.start()
        return self

    def ask_on(self, seed):
        chance = random.Random(seed)
        client = http.client.HTTPConnection('127.0.0.1', self.port)
        while self.loading:
            kind = chance.choice(['/img/{}.txt'] * 8 + ['/none{}', '/big.bin'])
            self.get(kind.format(chance.randrange(30)), client)
            time.sleep(.005)
        client.close()

    def __exit__(self, *_):
        self.loading = False
        for client in self.clients:
            client.join()
        self.process.terminate()
        assert self.process.wait(10) == 0
        self.directory.cleanup()


def the_token_is_asked_for_then_all_graphs_are_drawn_of_what_the_server_counts(stage, server):
    page = stage.page
    stage.open()
    page.wait('document.querySelector("#token-dialog").open')
    page.type('#token-dialog [name=token]', 'wrong')
    page.click('#token-dialog [type=submit]')
    page.wait('document.querySelector("#token-dialog .wrong").textContent.includes("does not take")')
    page.type('#token-dialog [name=token]', TOKEN)
    page.click('#token-dialog [type=submit]')
    page.wait('!document.querySelector("#token-dialog").open')
    page.wait('document.querySelector("#p-bytes .line")?.getAttribute("d").split("L").length > 5', 20)
    page.wait('document.querySelectorAll(".workers tbody tr").length === 2')
    values = page.evaluate('Array.from(document.querySelectorAll(".value"), (node) => node.textContent)')
    assert all(value not in ('', '–', 'NaN') for value in values), values
    assert 'NaN' not in page.evaluate('document.body.innerHTML')
    total = server.stats()['total']
    assert total['requests'] == sum(total['by_code'].values()) == sum(total['by_method'].values()) > 100, total
    stage.shoot_whole('real-live', 1440)
    stage.expect('401')


def search(page, text, shown):
    """Types and asks again until the list shows it: a list that was costly to make is used again for up to 5 s."""
    page.type('[name=q]', text)
    end = time.monotonic() + 20
    while not page.evaluate(shown):
        assert time.monotonic() < end, f'{text}: not shown within 20 s: {page.evaluate("document.body.innerText")}'
        time.sleep(.5)
        page.evaluate('document.querySelector("[name=q]").form.requestSubmit()')


def odd_paths_are_listed_as_they_are_and_dropped(stage, server):
    page = stage.page
    page.evaluate('location.hash = "cache"')
    page.wait('document.querySelectorAll("#rows tr").length >= 30')
    for path in ODD:
        for _ in range(4):  # until a worker has it
            assert server.get(path).status == 200
        search(page, path[1:], f'document.querySelector("#rows .path")?.textContent === {json.dumps(path)}')
        before = server.stats()['total']['cache']['evictions']['admin']
        page.evaluate('document.querySelector(".acts button:last-child").click()')
        page.wait('document.querySelectorAll("#rows tr").length === 0')
        assert server.stats()['total']['cache']['evictions']['admin'] > before, path
    search(page, '/img/', 'document.querySelector("#rows .path")?.textContent.startsWith("/img/")')
    stage.shoot('real-cache')


def a_reload_says_what_is_wrong_and_then_that_it_is_in_force(stage, server):
    page = stage.page
    page.evaluate('location.hash = "config"')
    page.wait('document.querySelector("#config").textContent.includes("[server]")')
    assert TOKEN not in page.evaluate('document.body.innerHTML')
    server.configure('overlay_siez = 1\n[limits]\nconnections = "many"\n')
    page.click('#reload')
    page.wait('document.querySelectorAll("#findings li").length === 2')
    stage.shoot('real-config')
    stage.expect('422')
    server.configure('[limits]\nheader_timeout = "7s"\n')
    page.click('#reload')
    page.wait('document.querySelector("#toasts").textContent.includes("Reloaded")')
    page.wait('document.querySelector("#config").textContent.includes("header_timeout = \\"7s\\"")')
    assert server.stats()['config']['reloads'] == 2


ALL = [
    the_token_is_asked_for_then_all_graphs_are_drawn_of_what_the_server_counts,
    odd_paths_are_listed_as_they_are_and_dropped,
    a_reload_says_what_is_wrong_and_then_that_it_is_in_force,
]


def tell(page, shots, program):
    """All, in their order and in one tab; the first that fails ends it."""
    with Served(program) as server:
        stage = Stage(page, None, shots, f'http://127.0.0.1:{server.admin_port}/')
        for situation in ALL:
            situation(stage, server)
            assert not page.complaints, f'{situation.__name__}: the console says: {page.complaints}'
            print(f'{situation.__name__}: ok', flush=True)
    print(f'{len(ALL)} passed, 0 failed')
