"""From rounds to figures: medians with their spread, ratios between servers, and the table that a person reads."""
import statistics

COLUMNS = ("server", "CPU us/request", "requests/s", "p50 us", "p99 us", "sleeps/req", "enters/req", "calls/req",
           "busy s/g/o")


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def summarise(rounds, calls):
    """{server: figures} from {server: [round, ...]}."""
    result = {}
    for name, turns in rounds.items():
        row = {}
        for key in ("cpu_us_per_request", "requests_per_second", "sleeps_per_request", "server_busy", "generator_busy",
                    "others_busy", "stolen"):
            row[key] = spread([turn[key] for turn in turns])
        for percentile in ("p50", "p99"):
            known = [turn["latency_us"][percentile] for turn in turns if turn["latency_us"][percentile] is not None]
            row[percentile] = spread(known) if known else None
        counted = calls.get(name, {})
        own = [turn["enters_per_request"] for turn in turns if turn["enters_per_request"] is not None]
        row["syscalls_per_request"] = counted.get("syscalls")
        row["enters_per_request"] = counted.get("enters", statistics.median(own) if own else None)
        row["errors"] = sum((turn["errors"] for turn in turns), [])
        result[name] = row
    return result


def ratios(rounds, reach, key="cpu_us_per_request", subject=None):
    """uringd (or the first, where it is left out) against each other: ratio of medians, and the spread by round."""
    subject = subject or ("uringd" if "uringd" in rounds else next(iter(rounds)))
    mine = [turn[key] for turn in rounds[subject]]
    result = []
    for name, turns in rounds.items():
        if name == subject:
            continue
        theirs = [turn[key] for turn in turns]
        each = [a / b for a, b in zip(mine, theirs)]
        result.append({"of": subject, "to": name, "ratio": statistics.median(mine) / statistics.median(theirs),
                       "min": min(each), "max": max(each),
                       "reach": reach.get(name) if subject.startswith("uringd") else None})
    return result


def table(summary):
    rows = [COLUMNS]
    for name, row in summary.items():
        cpu, rate = row["cpu_us_per_request"], row["requests_per_second"]
        rows.append((
            name,
            f"{cpu['median']:.2f} ({cpu['min']:.2f}-{cpu['max']:.2f})",
            f"{rate['median']:.0f} ({rate['min']:.0f}-{rate['max']:.0f})",
            optional(row["p50"] and row["p50"]["median"], ".0f"),
            optional(row["p99"] and row["p99"]["median"], ".0f"),
            f"{row['sleeps_per_request']['median']:.3f}",
            optional(row["enters_per_request"], ".3f"),
            optional(row["syscalls_per_request"], ".2f"),
            "/".join(f"{row[key]['median']:.0%}" for key in ("server_busy", "generator_busy", "others_busy")),
        ))
    return drawn(rows)


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
            low, middle, high = (format(of(values), form.lstrip("~")) for of in (min, statistics.median, max))
            cells.append(f"{middle} ({low}-{high})" if form.startswith("~") else middle)
        rows.append(tuple(cells))
    return drawn(rows)


def doubts(rounds, generator_matters=True):
    """What makes the figures of `medians` doubtful, one line each."""
    lines = []
    for name, turns in rounds.items():
        errors = [error for turn in turns for error in turn["errors"]]
        if errors:
            lines.append(f"  {name}: the generator saw errors: {errors[0]}")
        stolen = max(turn["stolen"] for turn in turns)
        if stolen > 0.02:
            lines.append(f"  {name}: the host took away up to {stolen:.0%} of the server's core")
        busy = {key: statistics.median(turn[key] for turn in turns) for key in ("server_busy", "generator_busy")}
        if generator_matters and busy["server_busy"] < 0.9 < busy["generator_busy"]:
            lines.append(f"  {name}: the generator was the bottleneck: compare CPU, not rates")
    return lines


def verdict(text, value, wanted, form=".2f"):
    outcome = "reached" if value <= wanted else "NOT reached"
    return f"  {text}: {value:{form}}, at most {wanted:{form}} wanted: {outcome}"


def ratio_lines(rows):
    lines = []
    for row in rows:
        line = f"  {row['of']} / {row['to']}: {row['ratio']:.2f} ({row['min']:.2f}-{row['max']:.2f})"
        if row["reach"] is not None:
            verdict = "reached" if row["ratio"] <= row["reach"] else "NOT reached"
            line += f", at most {row['reach']:.2f} wanted: {verdict}"
        lines.append(line)
    return "\n".join(lines)


def warnings(summary):
    """What makes these figures doubtful, one line each."""
    lines = []
    for name, row in summary.items():
        if row["errors"]:
            lines.append(f"  {name}: the generator saw errors: {row['errors'][0]}")
        if row["others_busy"]["max"] > 0.05:
            lines.append(f"  {name}: something else used up to {row['others_busy']['max']:.0%} of the server's core")
        if row["stolen"]["max"] > 0.02:
            lines.append(f"  {name}: the host took away up to {row['stolen']['max']:.0%} of the server's core")
        if row["server_busy"]["median"] < 0.9 and row["generator_busy"]["median"] > 0.9:
            lines.append(f"  {name}: wrk was the bottleneck: compare CPU per request, not requests/s")
    return lines


def optional(value, form):
    return "-" if value is None else format(value, form)
