#!/usr/bin/env python3
"""README.md's picture of three figures, out of the tables of bench/RESULTS.md: python3 packaging/readme/figures.py

Prints the SVG that packaging/pictures/figures.svg holds; the test `readme` compares the two, so the picture says what
was measured and nothing else. `--check` compares and ends with 1 where they differ. Bars begin at 0, but on a scale
that calls itself logarithmic; the picture has its colours for light and dark and a background of its own. Nothing but
the standard library.
"""
import html
import math
import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
PICTURE = TOP / 'packaging/pictures/figures.svg'
WIDTH, PANEL, GAP, ROW, HEAD = 880, 280, 20, 26, 74

STYLE = """text { font-family: system-ui, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif; fill: var(--ink); }
svg { --ink: #1f2937; --soft: #667085; --paper: #ffffff; --own: #0f766e; --other: #b6bec9; }
@media (prefers-color-scheme: dark) { svg { --ink: #e6e8ec; --soft: #98a2b3; --paper: #10141b; --own: #2dd4bf;
  --other: #566173; } }
.title { font-size: 15px; font-weight: 650; } .soft { font-size: 11.5px; fill: var(--soft); }
.name, .value { font-size: 12.5px; } .own { font-weight: 650; } .value { font-weight: 600; text-anchor: end; }
.bar { fill: var(--other); } .bar.own { fill: var(--own); } .paper { fill: var(--paper); }"""


def results():
    return (TOP / 'bench/RESULTS.md').read_text(encoding='utf-8')


def cells_of(scenario, table, row):
    """{server: cell} of one row; the table is found by the beginning of its first cell."""
    text = results().split(f'\n## {scenario}\n')[1].split('\n## ')[0]
    lines = text.split(f'| {table}')[1].split('\n\n')[0].splitlines()
    names = [cell.strip() for cell in lines[0].split('|')[1:-1]]
    line = next(line for line in lines if line.startswith(f'| {row} |'))
    cells = [cell.strip() for cell in line.split('|')[2:-1]]
    return {name: cell for name, cell in zip(names, cells) if cell[:1].isdigit()}


def median(cell):
    return float(re.match(r'[\d.,]+', cell)[0].replace(',', ''))


def row_of(scenario, table, row):
    return {name: median(cell) for name, cell in cells_of(scenario, table, row).items()}


def seconds(ms):
    return f'{ms / 1000:.1f} s' if ms >= 1000 else f'{ms:.2f} ms'


def linear(value, most):
    return value / most


def logarithmic(ms, most):
    """From 0.1 ms, so that 0.4 and 6 ms can be told apart beside 10 s."""
    return math.log10(ms / .1) / math.log10(most / .1)


def panels():
    cold = row_of('cold', 'p99 of a hot client beside it, ms', 'slow disk, 8 ms, 20000 files')
    yield ('Hot latency beside a slow disk', 'p99 of a file in memory while 256 clients',
           'read from a disk of 8 ms; logarithmic', logarithmic,
           [(name, cold[key], seconds(cold[key])) for name, key in (
               ('h2o, 32 threads', 'h2o-32-threads'), ('uringd', 'uringd'), ('Caddy', 'caddy'),
               ('nginx aio threads', 'nginx-aio-threads'), ('nginx', 'nginx'), ('h2o', 'h2o'))])
    hot = row_of('hot', 'CPU us/request', '1 KiB, 64 connections')
    yield ('CPU per request', '1 KiB from memory, 64 connections, µs of',
           'CPU, kernel included; less is better', linear,
           [(name, hot[key], f'{hot[key]:.1f} µs') for name, key in (
               ('floor: no files', 'floor'), ('uringd', 'uringd'), ('h2o', 'h2o'), ('nginx', 'nginx-copy'),
               ('lighttpd', 'lighttpd'))])
    big = row_of('big', 'CPU s/GiB', '1 client, 1 GiB, cubic')
    idle = {name: 100 * (1 - used) for name, used in big.items()}
    yield ('Big files: CPU left idle', '% of one core at 1 GiB/s out of the page',
           'cache (1 - CPU s/GiB); more is better', linear,
           [(name, idle[key], f'{idle[key]:.0f} %') for name, key in (
               ('uringd', 'uringd'), ('uringd, zero_copy', 'uringd-zero'), ('h2o', 'h2o'),
               ('nginx', 'nginx'), ('Caddy', 'caddy'), ('lighttpd', 'lighttpd'))])


def draw():
    shown = list(panels())
    height = HEAD + ROW * max(len(rows) for *_, rows in shown) + 16
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
           f'height="{height}" role="img" aria-label="Three figures of ./dev bench">',
           '<title>Three figures of ./dev bench, 2026-11-22; bench/RESULTS.md has all</title>',
           f'<style>\n{STYLE}\n</style>', f'<rect class="paper" width="{WIDTH}" height="{height}" rx="8"/>']
    for number, (title, first, second, scale, rows) in enumerate(shown):
        left = GAP // 2 + number * (PANEL + GAP // 2)
        out.append(f'<text class="title" x="{left}" y="24">{html.escape(title)}</text>')
        out.append(f'<text class="soft" x="{left}" y="42">{html.escape(first)}</text>')
        out.append(f'<text class="soft" x="{left}" y="57">{html.escape(second)}</text>')
        most = max(value for _, value, _ in rows)
        for line, (name, value, label) in enumerate(rows):
            own = ' own' if name.startswith('uringd') else ''
            y = HEAD + line * ROW
            out.append(f'<text class="name{own}" x="{left}" y="{y + 13}">{html.escape(name)}</text>')
            width = max(1, scale(value, most) * 84)
            out.append(f'<rect class="bar{own}" x="{left + 132}" y="{y + 2}" width="{width:.1f}" height="14" rx="2"/>')
            out.append(f'<text class="value" x="{left + PANEL - 5}" y="{y + 13}">{html.escape(label)}</text>')
    return '\n'.join([*out, '</svg>', ''])


def main():
    drawn = draw()
    if '--check' not in sys.argv:
        sys.stdout.write(drawn)
        return 0
    if PICTURE.read_text(encoding='utf-8') == drawn:
        return 0
    print('packaging/pictures/figures.svg is not what bench/RESULTS.md says: '
          'python3 packaging/readme/figures.py >packaging/pictures/figures.svg')
    return 1


if __name__ == '__main__':
    sys.exit(main())
