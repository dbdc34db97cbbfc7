"""Chromium without a window, driven over its DevTools protocol: a WebSocket client (RFC 6455, what is needed of it) and
a page that is opened, asked, clicked, typed into and photographed. Standard library only.

Everything the page says on its console, every exception and every violation of its policy gathers in Page.complaints.
"""
import base64
import itertools
import json
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import time


def find():
    """The browser's path, or None."""
    return next(filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome', 'chrome'))), None)


class WebSocket:
    def __init__(self, port, path):
        self.socket = socket.create_connection(('127.0.0.1', port), timeout=120)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(f'GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n'
                            f'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n'
                            f'Sec-WebSocket-Version: 13\r\n\r\n'.encode())
        self.file = self.socket.makefile('rb')
        while self.file.readline() not in (b'\r\n', b''):
            pass

    def send(self, text):
        data = text.encode()
        size = len(data)
        head = bytes([0x81])
        if size < 126:
            head += bytes([0x80 | size])
        elif size < 65536:
            head += bytes([0x80 | 126]) + struct.pack('>H', size)
        else:
            head += bytes([0x80 | 127]) + struct.pack('>Q', size)
        self.socket.sendall(head + bytes(4) + data)  # a mask of zeros: the data stay as they are

    def receive(self):
        """One whole message; raises TimeoutError after the socket's timeout."""
        message = b''
        while True:
            first, second = self.file.read(2)
            size = second & 127
            if size == 126:
                size, = struct.unpack('>H', self.file.read(2))
            elif size == 127:
                size, = struct.unpack('>Q', self.file.read(8))
            message += self.file.read(size)
            if first & 0x80:
                return message.decode()


class Page:
    """One tab. `evaluate` runs JavaScript in it; `wait` until it is true."""

    def __init__(self, port, target):
        self.socket = WebSocket(port, f'/devtools/page/{target}')
        self.numbers = itertools.count(1)
        self.complaints = []
        for domain in ('Page', 'Runtime', 'Log'):
            self.call(f'{domain}.enable')

    def call(self, method, **parameters):
        number = next(self.numbers)
        self.socket.send(json.dumps({'id': number, 'method': method, 'params': parameters}))
        while True:
            message = json.loads(self.socket.receive())
            if message.get('id') == number:
                if 'error' in message:
                    raise RuntimeError(f'{method}: {message["error"]}')
                return message['result']
            self.hear(message)

    def hear(self, message):
        given = message.get('params', {})
        if message.get('method') == 'Runtime.exceptionThrown':
            details = given['exceptionDetails']
            self.complaints.append(details.get('exception', {}).get('description', details['text']))
        elif message.get('method') == 'Runtime.consoleAPICalled' and given['type'] in ('error', 'warning', 'assert'):
            self.complaints.append(' '.join(str(each.get('value', each.get('description'))) for each in given['args']))
        elif message.get('method') == 'Log.entryAdded' and given['entry']['level'] in ('error', 'warning'):
            self.complaints.append(f'{given["entry"]["text"]} {given["entry"].get("url", "")}')

    def evaluate(self, script):
        result = self.call('Runtime.evaluate', expression=script, awaitPromise=True, returnByValue=True)
        if 'exceptionDetails' in result:
            raise RuntimeError(f'{script}: {result["exceptionDetails"]["exception"].get("description")}')
        return result['result'].get('value')

    def wait(self, script, seconds=20):
        """What the script gives once it is true; AssertionError where it does not become so."""
        end = time.monotonic() + seconds
        while True:
            value = self.evaluate(script)
            if value:
                return value
            if time.monotonic() > end:
                raise AssertionError(f'not true within {seconds} s: {script}')
            time.sleep(.05)

    def open(self, address):
        self.call('Page.navigate', url=address)
        self.wait('document.readyState === "complete"')

    def size(self, width, height, scale=1, phone=False):
        self.call('Emulation.setDeviceMetricsOverride', width=width, height=height, deviceScaleFactor=scale,
                  mobile=phone)

    def colours(self, scheme):
        self.call('Emulation.setEmulatedMedia', features=[{'name': 'prefers-color-scheme', 'value': scheme}])

    def click(self, selector):
        """A real click in the middle of the element, so that what covers it would be noticed."""
        quoted = json.dumps(selector)
        x, y = self.evaluate(f'''(() => {{ const node = document.querySelector({quoted});
            node.scrollIntoView({{ block: "center" }}); const box = node.getBoundingClientRect();
            return [box.x + box.width / 2, box.y + box.height / 2] }})()''')
        for kind in ('mousePressed', 'mouseReleased'):
            self.call('Input.dispatchMouseEvent', type=kind, x=x, y=y, button='left', clickCount=1)

    def hover(self, x, y):
        self.call('Input.dispatchMouseEvent', type='mouseMoved', x=x, y=y)

    def key(self, name, code=0):
        for kind in ('keyDown', 'keyUp'):
            self.call('Input.dispatchKeyEvent', type=kind, key=name, code=name, windowsVirtualKeyCode=code)

    def type(self, selector, text):
        self.evaluate(f'(node => {{ node.focus(); node.select() }})(document.querySelector({json.dumps(selector)}))')
        self.call('Input.insertText', text=text)

    def choose_file(self, selector, path):
        root = self.call('DOM.getDocument')['root']['nodeId']
        node = self.call('DOM.querySelector', nodeId=root, selector=selector)['nodeId']
        self.call('DOM.setFileInputFiles', files=[path], nodeId=node)

    def shoot(self, path, whole=False):
        data = self.call('Page.captureScreenshot', format='png', captureBeyondViewport=whole)['data']
        with open(path, 'wb') as file:
            file.write(base64.b64decode(data))


class Browser:
    """`with Browser() as browser: page = browser.page()`. Ends the one process it started and removes its profile."""

    def __enter__(self):
        self.profile = tempfile.mkdtemp(prefix='uringd-page-')
        options = ['--headless', '--remote-debugging-port=0', f'--user-data-dir={self.profile}', '--no-first-run',
                   '--disable-gpu', '--disable-dev-shm-usage', '--disable-extensions',
                   '--disable-background-networking', '--hide-scrollbars', '--force-color-profile=srgb', 'about:blank']
        if os.geteuid() == 0:
            options.insert(0, '--no-sandbox')  # it refuses to run as root with one
        self.process = subprocess.Popen([find(), *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        port_file = os.path.join(self.profile, 'DevToolsActivePort')
        end = time.monotonic() + 60
        while not (os.path.exists(port_file) and os.path.getsize(port_file) > 8):
            if time.monotonic() > end or self.process.poll() is not None:
                self.__exit__()
                raise RuntimeError('the browser does not start')
            time.sleep(.05)
        with open(port_file, encoding='ascii') as file:
            port, path = file.read().split()
        self.port = int(port)
        self.socket = WebSocket(self.port, path)
        return self

    def page(self):
        self.socket.send(json.dumps({'id': 1, 'method': 'Target.createTarget', 'params': {'url': 'about:blank'}}))
        while True:
            message = json.loads(self.socket.receive())
            if message.get('id') == 1:
                return Page(self.port, message['result']['targetId'])

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.profile, ignore_errors=True)
