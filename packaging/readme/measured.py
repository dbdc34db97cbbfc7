"""README.md's figures, held against bench/RESULTS.md: the rows of the two tables that were measured, cell by cell, and
the figures that sentences name. What is told in bench/README.md alone (measured later) must stand there in the same
words. A figure that is said in a new place needs a row here; that is what this does not find out by itself.
"""
import re

import figures
import page

DISK, NAMES = 'slow disk, 8 ms, 20000 files', 'slow names, 8 ms, 20000 files'
P99, RATE = 'p99 of a hot client beside it, ms', 'CPU us/request'
ONE, MANY = '1 KiB, 1 connection', '1 KiB, 64 connections'

# The second table: the first cell, and where its row is.
ROWS = {
    '1 KiB, 64 connections, 15 rounds': ('hot', MANY),
    '1 KiB, 512 connections': ('hot', '1 KiB, 512 connections'),
    '16 KiB': ('hot', '16 KiB, 64 connections'),
    '16 pipelined, each': ('pipelined', MANY),
    'a connection for each': ('churn', MANY),
    '304': ('conditional', MANY),
    '404, one path': ('missing', 'one path, 64 connections'),
    '16 KiB of text, gzip': ('encoded', 'gzip, 64 connections'),
}
# Those that were measured again: the words of bench/README.md.
LATER = {
    '64 KiB, at 17:00': ['13.3 us (13.0-13.9)', 'lighttpd 15.6'],
    '256 KiB with `cache.max_file_size = "1MiB"`, at 17:00': ['37.9 (34.0-52.0)', '38.4 (37.9-40.8)', '0.99'],
}


def short(ms):
    """As the first table says times."""
    if ms < 1:
        return f'{ms + 1e-6:.2f} ms'  # 0.965 is 0.97
    return f'{ms / 1000:.{0 if ms >= 9950 else 1}f} s' if ms >= 1000 else f'{ms:.1f} ms'


def rows_of(text, first):
    """{first cell: the other cells} of the table whose first line begins so, without footnotes and bold."""
    lines = text[text.index(first):].split('\n\n')[0].split('\n')
    plain = [re.sub(r'\*\*| \[\d\]', '', line) for line in lines[2:]]
    return {cells[0]: cells[1:] for cells in ([cell.strip() for cell in line.split('|')[1:-1]] for line in plain)}


def compared():
    """The measured rows of the comparison, as they must be."""
    for name, row in (('hot file beside a slow disk, p99', DISK),
                      ('the same, slow look-ups and opens instead of slow reads, p99', NAMES)):
        ms = {server: short(value) for server, value in figures.row_of('cold', P99, row).items()}
        yield name, [ms['uringd'], f"{ms['nginx']}; `aio threads` {ms['nginx-aio-threads']}; "
                     f"32 workers {ms['nginx-32-workers']}", ms['caddy'],
                     f"{ms['h2o']}; 32 threads {ms['h2o-32-threads']}"]
    hot = {server: f'{value:.1f} µs' for server, value in figures.row_of('hot', RATE, MANY).items()}
    yield 'CPU for 1 KiB from memory, full server', [hot['uringd'], hot['nginx-copy'], 'not measured', hot['h2o']]
    big = {server: f'{value:.2f} s' for server, value in
           figures.row_of('big', 'CPU s/GiB', '1 client, 1 GiB, cubic').items()}
    yield 'CPU for 1 GiB, one client, cubic', [f"{big['uringd']}; by reference {big['uringd-zero']}", big['nginx'],
                                               big['caddy'], big['h2o']]


def best_of(row):
    return min((name for name in row if not name.startswith(('floor', 'uringd'))), key=row.get)


def benchmarked():
    for name, (scenario, row) in ROWS.items():
        cells, medians = figures.cells_of(scenario, RATE, row), figures.row_of(scenario, RATE, row)
        best = best_of(medians)
        yield name, [cells['uringd'], cells.get('floor', ''), f'{best.removesuffix("-copy")} {cells[best]}',
                     f'{medians["uringd"] / medians[best]:.2f}']


def sentences():
    """Patterns that the page's prose must hold, with its figures."""
    disk, names = figures.row_of('cold', P99, DISK), figures.row_of('cold', P99, NAMES)
    one, many = figures.row_of('hot', RATE, ONE), figures.row_of('hot', RATE, MANY)
    memory = [figures.row_of('cold', 'RSS at the end', row) for row in (DISK, NAMES)]
    slow = [names[server] / 1000 for server in ('h2o-32-threads', 'caddy', 'apache2-1024-threads')]
    idle = [figures.row_of('idle', unit, '10000 connections') for unit in ('KiB/connection', 'bytes/connection')]
    yield (f"with 32 of them h2o's hot client waits {short(disk['h2o-32-threads'])} and lighttpd's "
           f"{short(disk['lighttpd-32-workers'])}, but nginx's {short(disk['nginx-32-workers'])}")
    yield (f"uringd's waits {short(names['uringd'])}, lighttpd's with 32 workers "
           f"{short(names['lighttpd-32-workers'])}, "
           f'and those of h2o (32 threads), Apache (1,024 threads) and Caddy {min(slow):.1f} to {max(slow):.1f} s')
    yield (f"{many['uringd'] / many['floor']:.2f} of a server that parses nothing and opens nothing (the floor), "
           f"{many['uringd'] / many[best_of(many)]:.2f} of the next best")
    yield f'{one["uringd"] / one[best_of(one)]:.2f} of the best peer with one connection'
    yield f'a hot file\'s requests take 0.17 ms (p50) and {short(disk["uringd"])} (p99)'
    memory = [row['uringd'] for row in memory]
    yield f'{min(memory):.0f} to {max(memory):.0f} MiB on the slow disk'
    yield (f'An idle connection takes {idle[0]["uringd"]:.1f} KiB with the kernel\'s part, {idle[1]["uringd"]:.0f} '
           f'bytes of them in the server; nginx\'s {idle[0]["nginx"]:.1f} KiB and {idle[1]["nginx"]:,.0f} bytes')


def findings(text):
    """What README.md says otherwise."""
    for first, wanted in (('| | uringd | nginx', compared()), ('| | uringd | floor', benchmarked())):
        table = rows_of(text, first)
        for name, cells in wanted:
            if table.get(name, [])[:len(cells)] != cells:
                yield f'{name}: the page says {table.get(name)}, bench/RESULTS.md {cells}'
        if first.endswith('floor'):
            yield from (f'{name}: a row that nothing checks' for name in table if name not in {**ROWS, **LATER})
    flat = ' '.join(text.split())
    yield from (f'the page does not say: {sentence}' for sentence in sentences() if sentence not in flat)
    later = ' '.join((page.TOP / 'bench/README.md').read_text(encoding='utf-8').split())
    for name, words in LATER.items():
        cells = ' '.join(rows_of(text, '| | uringd | floor').get(name, []))
        for word in words:
            if word not in later or word.replace(' us', '') not in cells:
                yield f'{name}: "{word}" stands in bench/README.md or on the page alone'
