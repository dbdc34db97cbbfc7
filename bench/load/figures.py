"""From a result file to pictures and tables: python3 bench/load/figures.py RESULTS.json... DIRECTORY

One SVG for each scenario, and the tables of bench/RESULTS.md on standard output (`write` and `markdown` for others).
Several files are merged: a measurement that a later one has too is the later one's. Every group of bars has a scale
of its own, which begins at 0: its bars are to be compared with each other, not with those of the next group. The same
input gives the same bytes. Nothing but the standard library.

A drawing carries its colours for light and dark backgrounds and a background of its own, so it can be read where the
viewer asks for neither. Text is set in whatever sans-serif font is there; widths are estimated on the wide side.
"""
import html
import json
import pathlib
import sys

TITLES = {
    "hot": "A hot file over keep-alive connections",
    "pipelined": "Sixteen pipelined requests on each connection",
    "churn": "A new connection for each request",
    "big": "Downloads of 1 GiB from the page cache",
    "bigcold": "Large files that are not in the page cache",
    "thumbs": "Random small files, all in the page cache",
    "cold": "Cold files on a slow disk, a hot file beside them",
    "missing": "Names that do not exist",
    "conditional": "Conditional requests: 304",
    "range": "Ranges of 64 KiB out of 1 GiB",
    "encoded": "Compressed answers",
    "idle": "Memory for each idle connection",
    "scaling": "One worker and more",
    "micro": "The steps of a request, one by one",
}
PROGRAMS = ("nginx", "lighttpd", "h2o", "apache2", "caddy", "wrk")

WIDTH = 900
MARGIN = 28
ROW = 21  # from bar to bar
BAR = 13
VALUES = 225  # pixels for the numbers on the right
FOLLOW = 1.6  # times the largest median: how far a group's scale follows the whiskers

STYLE = """
  text { font-family: system-ui, -apple-system, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif; fill: var(--ink); }
  svg { --ink: #1f2937; --soft: #667085; --line: #e4e7ec; --paper: #ffffff; --uringd: #2563eb; --floor: #98a2b3;
    --nginx: #86a88c; --lighttpd: #c0a46f; --h2o: #a592b8; --apache2: #bd8b86; --caddy: #84a5b8; --other: #b3b0a7; }
  @media (prefers-color-scheme: dark) { svg { --ink: #e6e8ec; --soft: #98a2b3; --line: #2b3240; --paper: #10141b;
    --uringd: #5b93ff; --floor: #667085; --nginx: #5f7d65; --lighttpd: #8d7748; --h2o: #786789; --apache2: #8a625e;
    --caddy: #5a7889; --other: #74726b; } }
  .title { font-size: 21px; font-weight: 650; } .figure { font-size: 14px; font-weight: 600; }
  .group { font-size: 13px; font-weight: 600; } .name, .value { font-size: 12.5px; } .value { font-weight: 600; }
  .soft { font-size: 11.5px; fill: var(--soft); } .own { font-weight: 650; fill: var(--uringd); }
  .end { text-anchor: end; } .paper { fill: var(--paper); } .line { stroke: var(--line); }
  .whisker { stroke: var(--ink); stroke-width: 1.2; opacity: .65; }
""" + "".join(f"  .{name} {{ fill: var(--{name}); }}\n" for name in
              ("uringd", "floor", "nginx", "lighttpd", "h2o", "apache2", "caddy", "other"))


# --- what there is to show --------------------------------------------------------------------------------------------

def merged(several):
    """One result of several; of two measurements of the same thing the later one counts."""
    found = {}
    for results in several:
        for row in results["measurements"]:
            found[row["scenario"], row["label"], row["figure"]] = row
    machine = dict(several[-1].get("machine", {}))
    dates = sorted({str(results.get("machine", {}).get("date", ""))[:10] for results in several} - {""})
    machine["date"] = " to ".join(dict.fromkeys((dates[0], dates[-1]))) if dates else ""
    return {"machine": machine, "command": several[-1].get("command", []), "measurements": list(found.values())}


def by(key, rows):
    """{value of the key: rows that have it}, in the order in which they come."""
    groups = {}
    for row in rows:
        groups.setdefault(row[key], []).append(row)
    return groups


def ranked(measured):
    """(server, its value): the floors first, then from the best to the worst by median."""
    rows = [row for row in measured["values"].items() if row[1].get("median") is not None]
    sign = 1 if measured["lower_is_better"] else -1
    return sorted(rows, key=lambda row: (not row[0].startswith("floor"), sign * row[1]["median"]))


def number(value):
    """Three significant digits, the thousands apart."""
    size = abs(value)
    digits = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 0.995 or size == 0 else 3
    return f"{value:,.{digits}f}"


def spread(value):
    return f"{number(value['min'])} – {number(value['max'])}"


def unit_of(measured):
    """The figure with its unit, where its name does not have it already."""
    figure, unit = measured["figure"], measured["unit"]
    return figure if not unit or unit in figure else f"{figure}, {unit}"


def said(row):
    """A verdict in words."""
    subject = f"{row['of']} / {row['against']}" if row.get("against") else row["of"]
    what = f", {row['what']}" if row.get("what") else ""
    bound = "at least" if row.get("at_least") else "at most"
    return (f"{subject}{what}: {row['ratio']:.2f}, {bound} {row['wanted']:g} wanted"
            + (" – reached" if row["reached"] else " – not reached"))


def about(machine):
    """Two lines: the machine, and the programs."""
    first = [machine.get("cpu"), f"{machine['usable_cpus']} CPUs" if machine.get("usable_cpus") else None,
             f"Linux {machine['kernel']}" if machine.get("kernel") else None, machine.get("congestion_control"),
             str(machine.get("date") or "")[:24]]
    second = [f"uringd {machine['revision']}" if machine.get("revision") else None,
              *(short_version(name, machine[name]) for name in PROGRAMS if machine.get(name))]
    return [" · ".join(part for part in parts if part) for parts in (first, second)]


def short_version(name, text):
    """The word of `text` that is a number: programs say more about themselves than fits."""
    for word in str(text).replace("/", " ").replace(":", " ").split():
        if word.lstrip("v")[:1].isdigit():
            return f"{name} {word.lstrip('v').split('~')[0]}"
    return name


# --- drawing ----------------------------------------------------------------------------------------------------------

def width_of(text, size):
    """Pixels, rather too many."""
    return sum(0.34 if letter in "iljtf.,:;|!'()[] -–/" else 0.92 if letter in "mwMW%@" else 0.62
               for letter in text) * size


def wrapped(text, size, room):
    """Lines of at most `room` pixels."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and width_of(longer, size) > room:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


class Drawing:
    """Elements from the top to the bottom; `y` is where the next one goes."""

    def __init__(self, label_room):
        self.parts, self.y = [], MARGIN
        self.bars_at = MARGIN + label_room + 10
        self.bars_room = WIDTH - MARGIN - VALUES - self.bars_at

    def text(self, x, text, kind, down=0.0):
        self.parts.append(f'<text x="{x:.1f}" y="{self.y + down:.1f}" class="{kind}">{html.escape(text)}</text>')

    def lines(self, text, kind, size, step):
        for line in wrapped(text, size, WIDTH - 2 * MARGIN):
            self.y += step
            self.text(MARGIN, line, kind)

    def rule(self):
        self.parts.append(f'<path d="M{MARGIN} {self.y:.1f}H{WIDTH - MARGIN}" class="line"/>')

    def group(self, measured, with_label):
        """The bars of one measurement, and under them what was wanted."""
        rows = ranked(measured)
        if with_label:
            self.y += 24
            self.text(MARGIN, measured["label"], "group")
        self.y += 8
        largest = max((value["median"] for _name, value in rows), default=0) or 1
        scale = max(largest, min(max((value["max"] for _name, value in rows), default=0), FOLLOW * largest))
        for name, value in rows:
            self.bar(name, value, self.bars_room / scale)
        for row in measured.get("verdicts", ()):
            self.lines(said(row), "soft", 11.5, 16)

    def bar(self, name, value, per_unit):
        own = name.startswith("uringd")
        top = self.y + (ROW - BAR) / 2
        middle = top + BAR / 2
        right = self.bars_at + self.bars_room
        length = max(1.5, value["median"] * per_unit)
        self.text(self.bars_at - 10, name, "name end own" if own else "name end", ROW / 2 + 4.5)
        self.parts.append(f'<rect x="{self.bars_at:.1f}" y="{top:.1f}" width="{length:.1f}" height="{BAR}" rx="2.5" '
                          f'class="{colour_of(name)}"/>')
        low, high = (min(self.bars_at + value[key] * per_unit, right) for key in ("min", "max"))
        if high - low >= 1:
            caps = "".join(f"M{x:.1f} {middle - 3:.1f}v6" for x in (low, high))
            self.parts.append(f'<path d="M{low:.1f} {middle:.1f}H{high:.1f}{caps}" class="whisker" fill="none"/>')
        self.text(right + 66, number(value["median"]), "value end own" if own else "value end", ROW / 2 + 4.5)
        if value["max"] > value["min"]:
            self.text(right + 78, spread(value), "soft", ROW / 2 + 4.5)
        self.y += ROW

    def done(self, title):
        height = self.y + MARGIN * 0.8
        return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" '
                f'height="{height:.0f}" role="img" aria-label="{html.escape(title, quote=True)}">\n'
                f"<title>{html.escape(title)}</title>\n<style>{STYLE}</style>\n"
                f'<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1:.0f}" rx="10" class="paper line"/>\n'
                + "\n".join(self.parts) + "\n</svg>\n")


def colour_of(name):
    family = name.split("-")[0]
    return family if f".{family} {{" in STYLE else "other"


def drawn(scenario, rows, machine):
    """The SVG of one scenario."""
    names = {name for row in rows for name in row["values"]}
    drawing = Drawing(min(230, max(width_of(name, 13) for name in names)))
    title = TITLES.get(scenario, scenario)
    drawing.y += 14
    drawing.text(MARGIN, title, "title")
    for figure, group in by("figure", rows).items():
        drawing.y += 32
        drawing.text(MARGIN, unit_of(group[0]), "figure")
        drawing.text(WIDTH - MARGIN, "lower is better" if group[0]["lower_is_better"] else "higher is better",
                     "soft end")
        drawing.y += 9
        drawing.rule()
        for row in group:
            drawing.group(row, with_label=len(group) > 1 or row["label"] != figure)
    drawing.y += 20
    drawing.rule()
    drawing.y += 4
    drawing.lines("Bars: medians of the rounds. Whiskers and the numbers beside: the smallest and the largest. "
                  "Each group has its own scale, from 0.", "soft", 11.5, 16)
    for line in about(machine):
        drawing.lines(line, "soft", 11.5, 16)
    return drawing.done(f"uringd benchmark {scenario}: {title}")


def write(results, directory):
    """One SVG for each scenario in that directory; their paths."""
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    machine = results.get("machine") or {}
    paths = []
    for scenario, rows in by("scenario", [row for row in results["measurements"] if ranked(row)]).items():
        paths.append(directory / f"{scenario}.svg")
        paths[-1].write_text(drawn(scenario, rows, machine), encoding="utf-8")
    return paths


# --- tables -----------------------------------------------------------------------------------------------------------

def markdown(results):
    """The tables of bench/RESULTS.md: for each scenario a picture, its figures, and what was wanted."""
    parts = []
    for scenario, rows in by("scenario", [row for row in results["measurements"] if ranked(row)]).items():
        parts.append(f"### {scenario}\n\n![{TITLES.get(scenario, scenario)}](figures/{scenario}.svg)")
        parts += [table(group) for group in by("figure", rows).values()]
        parts += [text for text in (wanted(rows), remarks(rows), folded(latencies(rows), beside(rows))) if text]
    return "\n\n".join(parts) + "\n"


def lined(rows):
    return "\n".join(f"| {' | '.join(row)} |" for row in [rows[0], ["---"] * len(rows[0]), *rows[1:]])


def servers_of(rows):
    return list(dict.fromkeys(name for row in rows for name in row["values"]))


def cell(value):
    if not value or value.get("median") is None:
        return "-"
    between = "" if value["min"] == value["max"] else f" ({number(value['min'])}-{number(value['max'])})"
    return number(value["median"]) + between


def table(rows):
    """One figure: a line for each label, a column for each server."""
    names = servers_of(rows)
    better = "lower" if rows[0]["lower_is_better"] else "higher"
    return lined([[f"{unit_of(rows[0])} ({better} is better)", *names],
                  *([row["label"], *(cell(row["values"].get(name)) for name in names)] for row in rows)])


def latencies(rows):
    """p50, p99 and p99.9 at a fixed rate, where they were taken."""
    lines = []
    for row in rows:
        for name, more in (row.get("more") or {}).items():
            if more.get("p50_us_at_rate") is not None:
                lines.append([row["label"], name, number(more["rate"]),
                              *(number(more[f"{key}_us_at_rate"]) for key in ("p50", "p99", "p999", "max"))])
    head = ["at a fixed rate", "server", "requests/s", "p50 us", "p99 us", "p99.9 us", "max us"]
    return lined([head, *lines]) if lines else ""


BESIDE = (("requests/s", "requests_per_second"), ("p50 us", "p50_us"), ("p99 us", "p99_us"),
          ("sleeps/req", "sleeps_per_request"), ("enters/req", "enters_per_request"),
          ("calls/req", "syscalls_per_request"), ("server busy", "server_busy"), ("generator busy", "generator_busy"))


def beside(rows):
    """What else the closed loop showed."""
    columns = [(head, key) for head, key in BESIDE
               if any(more.get(key) is not None for row in rows for more in (row.get("more") or {}).values())]
    lines = []
    for row in rows:
        for name, more in (row.get("more") or {}).items():
            if more.get("requests_per_second"):
                values = [more.get(key) for _head, key in columns]
                values = [value["median"] if isinstance(value, dict) else value for value in values]
                lines.append([row["label"], name, *("-" if value is None else number(value) for value in values)])
    return lined([["closed loop", "server", *(head for head, _key in columns)], *lines]) if lines else ""


def folded(*tables):
    """What few readers want is there, and not in their way."""
    tables = [text for text in tables if text]
    body = "\n\n".join(tables)
    return f"<details><summary>Latencies, rates, calls</summary>\n\n{body}\n\n</details>" if tables else ""


def wanted(rows):
    lines = [[row["label"], " ".join(part for part in (verdict["of"], verdict.get("what")) if part),
              verdict.get("against") or "-",
              f"{verdict['ratio']:.2f}" + (f" ({verdict['min']:.2f}-{verdict['max']:.2f})" if "min" in verdict else ""),
              f"{'at least' if verdict.get('at_least') else 'at most'} {verdict['wanted']:g}",
              "yes" if verdict["reached"] else "**no**"]
             for row in rows for verdict in row.get("verdicts", ())]
    return lined([["", "what", "against", "ratio", "wanted", "reached"], *lines]) if lines else ""


def remarks(rows):
    return "\n".join(f"- {row['label']}: {note}" for row in rows for note in row.get("notes", ()))


def main(arguments):
    if len(arguments) < 2:
        print(__doc__.splitlines()[0].split(": ", 1)[1], file=sys.stderr)
        return 2
    results = merged([json.loads(pathlib.Path(name).read_text(encoding="utf-8")) for name in arguments[:-1]])
    for path in write(results, pathlib.Path(arguments[-1])):
        print(path, file=sys.stderr)
    print(markdown(results), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
