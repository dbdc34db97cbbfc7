"""From rounds to figures: medians with their spread, what uringd must reach, and the tables that a person reads.

A measurement is what goes into the JSON file and into the drawings: one figure of every server, beside it whatever else
was seen, the verdicts and the doubts. {"scenario", "label", "figure", "unit", "lower_is_better", "values": {server:
{median, min, max, rounds}}, "more": {server: {...}}, "verdicts": [...], "notes": [...]}.
"""
import dataclasses
import statistics

PACKAGED = ("nginx", "lighttpd", "h2o", "apache2", "caddy")  # the peers that Debian has, in all their forms
FLOOR_AGREES = 1.05  # the floor may cost that much more than an equally bare epoll loop
UNITS = {"us": ("us", ".2f"), "MB/s": ("MB/s", ".0f"), "s/GiB": ("s/GiB", ".3f"), "KiB": ("KiB", ".2f"),
         "ms": ("ms", ".2f"), "ns": ("ns", ".1f"), "%": ("%", ".0f")}


@dataclasses.dataclass(frozen=True)
class Reach:
    """What must be reached: the figure (or `key` of what else was seen) of `of`, as a multiple of that of `against`: a
    server, "floor" (the better floor), "best" (the best packaged peer of this run), or None: `factor` itself."""

    against: str | None
    factor: float
    of: str = "uringd"
    key: str | None = None
    at_least: bool = False  # of figures that should be high
    words: str = ""  # what is compared, where it is not the figure


def packaged(name):
    return name.split("-")[0] in PACKAGED


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def measurement(scenario, label, figure, unit, rounds, key, *, reach=(), more=None, lower_is_better=True, notes=()):
    """`rounds`: {server: [turn, ...]}; `key`: of a turn, or a function of it."""
    values = {}
    for name, turns in rounds.items():
        each = [key(turn) if callable(key) else turn[key] for turn in turns]
        values[name] = spread(each) | {"rounds": each}
    more = more or {name: {} for name in rounds}
    found, doubtful = verdicts(reach, values, more, lower_is_better)
    return {"scenario": scenario, "label": label, "figure": figure, "unit": unit, "lower_is_better": lower_is_better,
            "values": values, "more": more, "verdicts": found, "notes": [*notes, *floor_notes(values), *doubtful]}


def verdicts(reach, values, more, lower_is_better=True):
    """The verdicts, and why some could not be given."""
    found, without = [], []
    for goal in reach:
        mine = value_of(goal.of, goal.key, values, more)
        rival, words = (None, "") if goal.against is None else rival_of(goal, values, lower_is_better)
        theirs = value_of(rival, goal.key, values, more) if rival else (1.0 if goal.against is None else None)
        if mine is None or not theirs:
            if goal.of in values:
                without.append(f"no verdict on {goal.of}{', ' * bool(goal.words)}{goal.words}"
                               + (f" against {goal.against}: it is not here" if goal.against else ": not counted"))
            continue
        ratio = mine / theirs
        at_least = goal.at_least or (goal.key is None and not lower_is_better)
        found.append({"of": goal.of, "what": goal.words, "against": words, "ratio": ratio,
                      "wanted": goal.factor, "at_least": at_least,
                      "reached": ratio >= goal.factor if at_least else ratio <= goal.factor,
                      **spread_by_round(goal, rival, values)})
    return found, without


def rival_of(goal, values, lower_is_better):
    """(server, how it is called in a verdict)"""
    candidates = {"floor": lambda name: name.startswith("floor"), "best": packaged}.get(goal.against)
    if candidates is None:
        return (goal.against if goal.against in values else None), goal.against
    names = [name for name in values if candidates(name)]
    if not names:
        return None, goal.against
    best = (min if lower_is_better else max)(names, key=lambda name: values[name]["median"])
    return best, best if goal.against == "floor" else f"best: {best}"


def value_of(name, key, values, more):
    if name not in values:
        return None
    value = values[name] if key is None else more.get(name, {}).get(key)
    return value["median"] if isinstance(value, dict) else value


def spread_by_round(goal, rival, values):
    """Each round against the other server's turn of the same round."""
    if goal.key or rival is None or len(values[goal.of]["rounds"]) != len(values[rival]["rounds"]):
        return {}
    each = [mine / theirs for mine, theirs in zip(values[goal.of]["rounds"], values[rival]["rounds"]) if theirs]
    return {"min": min(each), "max": max(each)} if each else {}


def floor_notes(values):
    """The yardstick itself is measured: it must not lose to a bare epoll loop."""
    floors = {name: value["median"] for name, value in values.items() if name.startswith("floor")}
    if len(floors) < 2 or floors.get("floor", 0) <= FLOOR_AGREES * min(floors.values()):
        return []
    best = min(floors, key=floors.get)
    return [f"floor costs {floors['floor'] / floors[best]:.2f} times {best}: the verdicts take {best} as the floor"]


# --- what the rounds of a load have beside their figure ---------------------------------------------------------------

SPREADS = ("requests_per_second", "server_busy", "generator_busy", "others_busy", "stolen", "sleeps_per_request",
           "user_part")
SINGLE = ("p50_us", "p99_us", "enters_per_request", "syscalls_per_request")


def more_of(rounds, calls=None, paced=None, rate=None):
    """{server: what a drawing or a table may want besides the figure}"""
    result = {}
    for name, turns in rounds.items():
        row = {key: spread([turn[key] for turn in turns]) for key in SPREADS if key in turns[0]}
        for key in SINGLE:
            known = [turn[key] for turn in turns if turn.get(key) is not None]
            if known:
                row[key] = statistics.median(known)
        row.update((calls or {}).get(name, {}))
        if turns[0].get("generator"):
            row["generator"] = turns[0]["generator"]
        if paced and name in paced:
            row["rate"] = rate
            for key in ("p50_us", "p90_us", "p99_us", "p999_us", "max_us"):
                each = [turn[key] for turn in paced[name]]
                row[f"{key}_at_rate"] = statistics.median(each)
                row.setdefault("rounds_at_rate", {})[key] = each
            row["cpu_us_per_request_at_rate"] = statistics.median(turn["cpu_us_per_request"] for turn in paced[name])
        result[name] = row
    return result


# --- tables -----------------------------------------------------------------------------------------------------------

def busy(row):
    keys = ("server_busy", "generator_busy", "others_busy")
    return "/".join(f"{row[key]['median']:.0%}" for key in keys) if all(key in row for key in keys) else None


def middle(key, form):
    def cell(row):
        value = row.get(key)
        value = value["median"] if isinstance(value, dict) else value
        return None if value is None else format(value, form)
    return cell


def at_rate(row):
    keys = ("p50_us_at_rate", "p99_us_at_rate", "p999_us_at_rate")
    return "/".join(f"{row[key]:.0f}" for key in keys) if keys[0] in row else None


MORE = (("requests/s", middle("requests_per_second", ".0f")), ("p50 us", middle("p50_us", ".0f")),
        ("at rate: p50/99/99.9 us", at_rate), ("sleeps/req", middle("sleeps_per_request", ".3f")),
        ("enters/req", middle("enters_per_request", ".3f")), ("calls/req", middle("syscalls_per_request", ".2f")),
        ("busy s/g/o", busy), ("load by", lambda row: row.get("generator")))


def table_of(measured):
    unit, form = UNITS.get(measured["unit"], (measured["unit"], ".3g"))
    columns = [(heading, cell) for heading, cell in MORE
               if any(cell(row) is not None for row in measured["more"].values())]
    figure = measured["figure"] if unit in measured["figure"] else f"{measured['figure']}, {unit}"
    rows = [("server", figure, *(heading for heading, _cell in columns))]
    for name, value in measured["values"].items():
        shown = f"{value['median']:{form}} ({value['min']:{form}}-{value['max']:{form}})"
        rows.append((name, shown, *(cell(measured["more"].get(name, {})) or "-" for _heading, cell in columns)))
    return drawn(rows)


def lines_of(measured):
    """Verdicts and notes, one line each."""
    lines = []
    for row in measured["verdicts"]:
        between = f" ({row['min']:.2f}-{row['max']:.2f})" if "min" in row else ""
        subject = f"{row['of']} / {row['against']}" if row["against"] else row["of"]
        lines.append(f"  {subject}{', ' * bool(row['what'])}{row['what']}: {row['ratio']:.3g}{between}, "
                     f"{'at least' if row.get('at_least') else 'at most'} {row['wanted']:g} wanted: "
                     + ("reached" if row["reached"] else "NOT reached"))
    return lines + [f"  {note}" for note in measured["notes"]]


def drawn(rows):
    """A table as a person reads it; the first row is its heading."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |"
                     for row in [rows[0], tuple("-" * width for width in widths), *rows[1:]])


def medians(rounds, columns):
    """A table from {server: [round, ...]}: columns are (heading, key or function of a round, format); a format that
    begins with ~ shows the smallest and largest beside the median."""
    rows = [("server", *(heading for heading, _key, _form in columns))]
    for name, turns in rounds.items():
        cells = [name]
        for _heading, key, form in columns:
            values = [key(turn) if callable(key) else turn[key] for turn in turns]
            low, median, high = (format(of(values), form.lstrip("~")) for of in (min, statistics.median, max))
            cells.append(f"{median} ({low}-{high})" if form.startswith("~") else median)
        rows.append(tuple(cells))
    return drawn(rows)


def doubts(rounds, generator_matters=True):
    """What makes the figures of these rounds doubtful, one line for each kind of doubt."""
    lines, limited = [], []
    for name, turns in rounds.items():
        errors = [error for turn in turns for error in turn["errors"]]
        if errors:
            lines.append(f"{name}: the generator saw errors: {errors[0]}")
        full = {key: statistics.median(turn[key] for turn in turns) for key in ("server_busy", "generator_busy")}
        if full["server_busy"] < 0.9 < full["generator_busy"]:
            limited.append(name)
    if generator_matters and limited:
        lines.append(f"the generator was the bottleneck (so compare CPU, not requests/s): {', '.join(limited)}")
    for key, limit, words in (("others_busy", 0.05, "something else used the server's core"),
                              ("others_beside_generator", 0.1, "something else used the generator's core"),
                              ("stolen", 0.02, "the host took away the server's core")):
        lines += those_above(limit, {name: max(turn.get(key, 0) for turn in turns) for name, turns in rounds.items()},
                             words, ".0%")
    return lines


def those_above(limit, values, words, form):
    """One line, or none."""
    above = {name: value for name, value in values.items() if value > limit}
    shown = ", ".join(f"{name} {value:{form}}" for name, value in above.items())
    return [f"{words}, at most: {shown}"] if above else []
