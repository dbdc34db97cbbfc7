#!/usr/bin/env python3
"""Asks uringd and the packaged nginx, Caddy and h2o the same questions, for README.md's table: each serves one small
tree on loopback with the shortest configuration that switches on what is asked for. Prints one row a question.

    PATH=$PATH:build/tools/usr/sbin:build/tools/usr/bin python3 packaging/readme/compare.py build/src/uringd

`./dev bench` unpacks the peers into build/tools. A peer that is not there is named and left out. Run by hand: the
peers' versions are named in README.md, and nothing of ours depends on what they do.
"""
import gzip
import http.client
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

CONFIGURATIONS = {
    'uringd': '''[server]
listen = "127.0.0.1:%(port)d"
[[site]]
root = "%(root)s"
''',
    'nginx': '''daemon off; pid %(dir)s/nginx.pid; error_log %(dir)s/nginx.log;
events {}
http {
  types { text/html html; text/css css; }
  access_log off;
  client_body_temp_path %(dir)s/1; proxy_temp_path %(dir)s/2; fastcgi_temp_path %(dir)s/3;
  uwsgi_temp_path %(dir)s/4; scgi_temp_path %(dir)s/5;
  gzip_static on; gzip on; gzip_types text/css;
  server { listen 127.0.0.1:%(port)d; root %(root)s; }
}
''',
    'caddy': '''{
  admin off
  auto_https off
  storage file_system %(dir)s/caddy
}
http://:%(port)d {
  bind 127.0.0.1
  root * %(root)s
  encode zstd gzip
  file_server {
    precompressed br zstd gzip
  }
}
''',
    'h2o': '''user: %(user)s
pid-file: %(dir)s/h2o.pid
error-log: %(dir)s/h2o.log
listen: {host: 127.0.0.1, port: %(port)d}
compress: [br, gzip]
file.send-compressed: ON
hosts:
  default:
    paths:
      /:
        file.dir: %(root)s
'''}

# Two mistakes in two lines: how many does the checker tell of?
BROKEN = {
    'uringd': '[server]\nworker = 2\n[cache]\nsise = "1MiB"\n[[site]]\nroot = "/"\n',
    'nginx': 'worker_process 2;\nevents {}\nhttp { sendfil on; }\n',
    'caddy': 'http://:1 {\n  rot * /srv\n  file_sever\n}\n',
    'h2o': 'worker-threads: 2\nlisten: {host: 127.0.0.1, port: 1}\nhosts:\n  default:\n    paths:\n      /:\n'
           '        file.directory: /srv\n'}

CHECK = {'uringd': ['--check', '--config'], 'nginx': ['-t', '-c'], 'caddy': ['adapt', '--adapter', 'caddyfile',
                                                                              '--config'], 'h2o': ['-t', '-c']}
SERVE = {'uringd': ['--config'], 'nginx': ['-c'], 'caddy': ['run', '--adapter', 'caddyfile', '--config'], 'h2o': ['-c']}


def free_port():
    with socket.socket() as one:
        one.bind(('127.0.0.1', 0))
        return one.getsockname()[1]


def write(path, data, mtime):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'wb') as file:
        file.write(data)
    os.utime(path, (mtime, mtime))


def make_tree(root, mtime):
    text = b'p { color: teal }\n' * 1000
    for name, data in (('index.html', b'<p>home\n' * 100), ('.secret', b'secret\n'), ('style.css', text),
                       ('plain.css', text), ('style.css.gz', gzip.compress(text)), ('style.css.br', b'br'),
                       ('style.css.zst', b'zst'), ('empty/x.txt', b'x'), ('large.css', text * 6)):
        write(os.path.join(root, name), data, mtime)
    write(os.path.join(os.path.dirname(root), 'outside.html'), b'outside\n', mtime)
    os.symlink('../outside.html', os.path.join(root, 'out.html'))


def ask(port, path, **fields):
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=10)
    connection.request('GET', path, headers={name.replace('_', '-'): value for name, value in fields.items()})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


def coding(port, path, accepted):
    return ask(port, path, Accept_Encoding=accepted).headers.get('Content-Encoding', 'none')


def questions(port, twin):
    several = ask(port, '/style.css', Range='bytes=0-9,100-109')
    yield 'a link out of the root', ask(port, '/out.html').status
    yield 'a name with a dot', ask(port, '/.secret').status
    for size, path in (('17 KB', '/plain.css'), ('100 KB', '/large.css')):
        first, second = (ask(each, path).headers.get('ETag') for each in (port, twin))
        same = 'same' if first == second else 'differ'
        yield f'ETag of one content, two mtimes, {size}', f'{first} {second} {same}'
    yield 'two ranges', f'{several.status} {several.headers.get("Content-Type", "")[:20]}'
    yield 'If-Match that does not hold', ask(port, '/index.html', If_Match='"no"').status
    yield 'file.br, .zst, .gz beside', ' '.join(coding(port, '/style.css', each) for each in ('br', 'zstd', 'gzip'))
    for _ in range(20):  # uringd compresses beside the answers, once a file has been asked for
        for each in ('br', 'zstd', 'gzip'):
            coding(port, '/plain.css', each)
            coding(port, '/large.css', each)
        time.sleep(.1)
    for size, path in (('17 KB', '/plain.css'), ('100 KB', '/large.css')):
        yield f'compresses itself, {size}', ' '.join(coding(port, path, each) for each in ('br', 'zstd', 'gzip'))
    yield 'directory without index', ask(port, '/empty/').status
    yield 'nosniff', ask(port, '/index.html').headers.get('X-Content-Type-Options', 'none')


def start(name, program, directory, mtime):
    port = free_port()
    root = os.path.join(directory, 'www')
    make_tree(root, mtime)
    path = os.path.join(directory, 'configuration')
    with open(path, 'w', encoding='utf-8') as file:
        file.write(CONFIGURATIONS[name] % {'port': port, 'dir': directory, 'root': root,
                                           'user': os.environ.get('USER') or 'root'})
    process = subprocess.Popen([program, *SERVE[name], path], cwd=directory, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    for _ in range(100):
        try:
            socket.create_connection(('127.0.0.1', port)).close()
            return process, port
        except OSError:
            time.sleep(.1)
    process.terminate()
    raise SystemExit(f'{name} does not start')


def mistakes(name, program):
    with tempfile.NamedTemporaryFile('w', suffix='.conf') as file:
        file.write(BROKEN[name])
        file.flush()
        done = subprocess.run([program, *CHECK[name], file.name], capture_output=True, text=True, check=False)
        return (done.stdout + done.stderr).strip().replace(file.name, 'F')


def main():
    programs = {'uringd': os.path.abspath(sys.argv[1])}
    programs.update({name: shutil.which(name) for name in ('nginx', 'caddy', 'h2o')})
    for name, program in programs.items():
        if not program:
            print(f'{name} is missing: ./dev bench unpacks it into build/tools/usr, whose bin and sbin belong in PATH')
            continue
        print(f'== {name}')
        with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
            os.chmod(one, 0o755)
            os.chmod(two, 0o755)
            started = [start(name, program, one, 1_700_000_000), start(name, program, two, 1_750_000_000)]
            try:
                time.sleep(1.5)
                for question, answer in questions(started[0][1], started[1][1]):
                    print(f'{question}: {answer}')
            finally:
                for process, _ in started:
                    process.terminate()
                    process.wait(20)
        print(f'two mistakes: {mistakes(name, program)}')


if __name__ == '__main__':
    main()
