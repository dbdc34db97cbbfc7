"""What becomes of README.md's commands in a bare root: nothing said here, they run and must end with 0.

Each row names a command as it stands there, without its comment. `instead` is what runs in its place; `says` is a
pattern that its output must hold; `before` is shell that makes what the page supposes (a file to upload, an example's
site); `serves` is a URL that a program that stays must answer, after which it is stopped; `endless` is for one that
never stops talking and is cut off after 3 s; `why` is the reason for not running it. A row that no command of the page
needs is an error. A row beats the families.

`serve NAME` in `before` starts uringd with the page's configuration of that name (see page.py), in place of the one
that runs. What needs the network comes first, in the order of the page: INSTALLING.
"""
import re

INSTALLING = ['./dev run', './dev setup']

# Whole families: a pattern, and why.
NAMED = [
    (r'podman (build|run --rm -p)', 'needs podman and a registry: the test `image` does the same'),
    (r'podman |docker |id=\$\(podman ', 'needs podman or docker'),
    (r'sudo apt-get install|apt-get (remove|purge)', 'needs the package: `package` does it'),
    (r'sudo meson install', 'installs on the machine: the test `install` does, below a directory'),
    (r'(sudo )?(systemctl|systemd-|journalctl)', 'needs systemd as PID 1: the page says what was tried by hand'),
    (r'\./dev package', 'builds a Debian package: the test `package` does'),
    (r'\./dev image', 'builds an image: the test `image` does'),
    (r'\./dev (bench|test|lint|fuzz)', 'takes long: continuous integration runs test and lint, and a quick bench'),
    (r'\./dev kernels', 'boots kernels in an emulator for minutes'),
    (r'meson setup build --prefix|ninja -C build product|meson setup build-static|ninja -C build-static',
     'compiles a second time: the tests `install`, `package` and `image` do'),
    (r'uringd (DIR|--print-config \.\.\.)|uringd .*(DIR|FILE|\[URL\])', 'has a placeholder'),
    (r'uringd --check$|kill -9$|curl -d$', 'names an option, no whole command'),
    (r'man ', 'pages are not installed here: the test `manual` renders them'),
    (r'ssh ', 'needs another machine'),
]

ADMIN = 'curl -X DELETE -H "Authorization: Bearer $TOKEN" http://127.0.0.1:9090/cache/'

ROWS = {
    './dev run': {'serves': 'http://127.0.0.1:8080/'},
    './dev setup': {'says': 'dev: ready'},
    './dev help': {'says': r'\./dev run'},
    'meson setup build': {'says': 'Directory already configured|successfully'},
    'meson setup --wrap-mode=nofallback build': {'says': 'Directory already configured|successfully'},
    'build/tests/unit/config/config_docs refresh .': {'why': 'is a test program: ./dev test builds and runs it'},
    'PATH=$PATH:build/tools/usr/sbin:build/tools/usr/bin python3 packaging/readme/compare.py build/src/uringd': {
        'says': r'(?s)17 KB: .* same\n.*100 KB: .* differ\n.*17 KB: br zstd gzip\n.*100 KB: none none none\n.*'
                'nginx is missing'},
    'ninja -C build': {'why': 'builds every test, for minutes: ./dev test does'},
    'ln -s releases/42 next && mv -T next current': {'why': 'is a part of a command above'},
    'sudo sysctl kernel.io_uring_disabled=0': {'why': 'sets something for the whole machine'},
    'uringd --health': {'why': 'is the health check of the image, which the test `image` starts'},
    './dev run --listen :9000': {'serves': 'http://127.0.0.1:9000/'},
    'uringd --config config.toml': {'serves': 'http://127.0.0.1:8080/'},
    'sudo -u uringd uringd --check -c /etc/uringd/config.toml': {
        'before': 'mkdir -p /etc/uringd; printf "[[site]]\\nroot = \\"/uringd/www\\"\\n" >/etc/uringd/config.toml',
        'instead': 'uringd --check -c /etc/uringd/config.toml'},
    'cd /srv/app && ln -s releases/42 next && mv -T next current': {
        'before': 'mkdir -p /srv/app/releases/41 /srv/app/releases/42; echo 41 >/srv/app/releases/41/index.html; '
                  'echo 41 >/srv/app/releases/41/old.js; echo 42 >/srv/app/releases/42/index.html; '
                  'ln -sfnT releases/41 /srv/app/current; serve configuration-3; '
                  'expect 41 http://127.0.0.1:8080/',
        'after': 'cd /uringd; expect 42 http://127.0.0.1:8080/; expect 41 http://127.0.0.1:8080/old.js; '
                 'expect 42 -H "Accept: text/html" http://127.0.0.1:8080/some/route; '
                 'expect 404 -o /dev/null -w "%{http_code}" -H "Accept: text/html" http://127.0.0.1:8080/gone.js'},
    'uringd --version': {'says': r'uringd \d+\.\d+'},
    'uringd --features': {'says': 'kernel: '},
    'uringd --print-config --config config.toml --set server.workers=2': {'says': r'workers *= 2'},
    'uringd /usr/share/doc --listen 127.0.0.1:8081': {'serves': 'http://127.0.0.1:8081/libc6/copyright'},
    'kill -HUP "$(pidof uringd)"': {'before': 'serve configuration-1', 'after': 'log_says "reload: done"'},
    'chown uringd: /etc/uringd/admin.token': {
        'before': 'useradd --system uringd',  # as the package does
        'after': 'test "$(stat -c "%U %a" /etc/uringd/admin.token)" = "uringd 600" || wrong "not for uringd alone"'},
    'curl http://127.0.0.1:9090/metrics': {'before': '{ cat /readme/admin-1/config.toml; printf "[[site]]\\n'
                                                     'root = \\"/uringd/www\\"\\n"; } >/etc/uringd/config.toml; '
                                                     'serve /etc/uringd/config.toml', 'says': '^uringd_'},
    'curl http://127.0.0.1:9090/stats': {'says': '"requests"'},
    'curl -N http://127.0.0.1:9090/stats/stream': {'endless': True, 'says': '^data: '},
    "curl 'http://127.0.0.1:9090/cache?prefix=/img/&sort=-hits&limit=20'": {'says': '"entries"'},
    ADMIN + 'index.html': {'before': 'curl -s http://127.0.0.1:8080/index.html; cached 1 /index.html',
                           'says': '"dropped":1', 'after': 'cached 0 /index.html'},
    ADMIN + 'img/': {'says': '"dropped":'},
    'curl -T new.html -H "Authorization: Bearer $TOKEN" http://127.0.0.1:9090/cache/index.html': {
        'before': 'echo overlaid >new.html', 'after': 'expect overlaid http://127.0.0.1:8080/; rm new.html'},
    'curl http://127.0.0.1:9090/healthz': {'says': '"status":"ok"'},
    'curl http://127.0.0.1:9090/readyz': {'says': '"status":"ok"'},
    'curl -H "Authorization: Bearer $TOKEN" -T notice.html http://127.0.0.1:9090/cache/sale/index.html': {
        'before': 'echo notice >notice.html', 'after': 'expect notice http://127.0.0.1:8080/sale/; rm notice.html'},
    'curl -H "Authorization: Bearer $TOKEN" -T app.js -H \'Cache-Control: no-store\' '
    "'http://127.0.0.1:9090/cache/app.js?site=www.example.org'": {
        'before': 'cat /readme/configuration-1/config.toml /readme/admin-1/config.toml >/etc/uringd/config.toml; '
                  'serve /etc/uringd/config.toml; echo "let a" >app.js',
        'after': 'expect "let a" -H "Host: www.example.org" http://127.0.0.1:8080/app.js; rm app.js'},
    'curl -H "Authorization: Bearer $TOKEN" -X DELETE http://127.0.0.1:9090/cache/sale/index.html': {
        'before': 'curl -s -T /etc/hostname -H "Authorization: Bearer $TOKEN" '
                  'http://127.0.0.1:9090/cache/sale/index.html',
        'after': 'expect 404 -o /dev/null -w "%{http_code}" http://127.0.0.1:8080/sale/index.html'},
    "curl -si -X OPTIONS http://127.0.0.1:8080/api/a.json -H 'Origin: https://app.example' "
    "-H 'Access-Control-Request-Method: GET' -H 'Access-Control-Request-Headers: if-none-match'": {
        'before': 'serve other-1'},
    "uringd --explain '/old/lamp?from=mail' -c config.toml --host shop.example.org "
    "--header 'Accept-Encoding: gzip, br'": {
        'before': 'cd /readme/which-1; mkdir -p shop/new www maps; echo "lamp lamps-2" >maps/legacy.txt; '
                  'head -c 59 /dev/zero >shop/new/lamps-2.html.br; head -c 876 /dev/zero >shop/new/lamps-2.html; '
                  'touch shop/new/lamps-2.html.br', 'after': 'cd /uringd'},
}


def row(command):
    """What becomes of this command."""
    if command in ROWS:
        return ROWS[command]
    return next(({'why': why} for pattern, why in NAMED if re.match(pattern, command)), {})
