"""Whether drawings and tables show what the results say: python3 -B figures_test.py"""
import copy
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from load import figures  # noqa: E402

SVG = "{http://www.w3.org/2000/svg}"


def value(median, low=None, high=None):
    return {"median": median, "min": low or median, "max": high or median, "rounds": [median]}


def measured(label, values, figure="CPU us/request", lower=True, **more):
    return {"scenario": "hot", "label": label, "figure": figure, "unit": "us" if lower else "MB/s",
            "lower_is_better": lower, "values": values, "more": {}, "verdicts": [], "notes": [], **more}


MEASURED = measured(
    "1 KiB, 64 connections",
    {"nginx": value(9.3, 8.9, 10.1), "floor": value(5.4), "uringd": value(5.9, 5.7, 6.4), "caddy <2>": value(18.0)},
    verdicts=[{"of": "uringd", "what": "", "against": "floor", "ratio": 1.0925, "min": 1.0, "max": 1.2, "wanted": 1.1,
               "at_least": False, "reached": True},
              {"of": "uringd", "what": "enters", "against": None, "ratio": 0.5, "wanted": 0.1, "at_least": False,
               "reached": False}],
    notes=["the machine was not quiet"])
RESULTS = {"machine": {"cpu": "A & B", "usable_cpus": 2, "kernel": "6.1", "date": "2026-01-02 03:04:05 +0000",
                       "revision": "abc", "nginx": "nginx version: nginx/1.22.1"},
           "command": ["hot"],
           "measurements": [MEASURED, measured("1 KiB", {"uringd": value(1234.5), "nginx": value(900)}, "MB/s", False),
                            measured("nobody could", {})]}


def drawing_of(results):
    with tempfile.TemporaryDirectory() as directory:
        paths = figures.write(results, directory)
        return [path.name for path in paths], [path.read_bytes() for path in paths]


def texts(svg, kind=""):
    return ["".join(element.itertext()) for element in ElementTree.fromstring(svg).iter(f"{SVG}text")
            if kind in element.get("class")]


def bars(svg):
    found = ElementTree.fromstring(svg).iter(f"{SVG}rect")
    return [element for element in found if "paper" not in element.get("class")]


class Drawings(unittest.TestCase):
    def test_each_scenario_is_one_file_and_the_same_input_gives_the_same_bytes(self):
        first, again = drawing_of(RESULTS), drawing_of(copy.deepcopy(RESULTS))
        self.assertEqual(first[0], ["hot.svg"])
        self.assertEqual(first, again)

    def test_floors_come_first_then_the_best_in_either_direction(self):
        names = texts(drawing_of(RESULTS)[1][0], "name")
        self.assertEqual(names, ["floor", "uringd", "nginx", "caddy <2>", "uringd", "nginx"])

    def test_bars_begin_at_zero_and_are_as_long_as_their_medians_say(self):
        lengths = [float(bar.get("width")) for bar in bars(drawing_of(RESULTS)[1][0])[:4]]
        for length, median in zip(lengths, (5.4, 5.9, 9.3, 18.0)):
            self.assertAlmostEqual(length / lengths[-1], median / 18.0, places=2)

    def test_uringd_is_told_from_its_peers_and_from_the_floor(self):
        kinds = [bar.get("class") for bar in bars(drawing_of(RESULTS)[1][0])]
        self.assertEqual(kinds, ["floor", "uringd", "nginx", "other", "uringd", "nginx"])

    def test_nothing_leaves_the_drawing_not_even_one_wild_round(self):
        results = copy.deepcopy(RESULTS)
        results["measurements"][0]["values"]["nginx"]["max"] = 1e6
        results["measurements"][0]["values"]["a-server-with-a-very-long-name-indeed"] = value(1e9)
        root = ElementTree.fromstring(drawing_of(results)[1][0])
        for bar in root.iter(f"{SVG}rect"):
            self.assertLessEqual(float(bar.get("x")) + float(bar.get("width")), figures.WIDTH)
        for path in root.iter(f"{SVG}path"):
            self.assertLessEqual(max(float(x) for x in re.findall(r"[MH]([\d.]+)", path.get("d"))), figures.WIDTH)
        for text in root.iter(f"{SVG}text"):
            if "end" not in text.get("class"):
                self.assertLessEqual(float(text.get("x")) + figures.width_of(text.text, 11.5), figures.WIDTH)

    def test_no_two_lines_of_text_lie_on_each_other(self):
        root = ElementTree.fromstring(drawing_of(RESULTS)[1][0])
        places = {}
        for text in root.iter(f"{SVG}text"):
            places.setdefault(float(text.get("y")), []).append(text)
        rows = sorted(places)
        self.assertTrue(all(below - above >= 11 for above, below in zip(rows, rows[1:])), rows)

    def test_verdicts_machine_and_versions_are_said(self):
        said = "\n".join(texts(drawing_of(RESULTS)[1][0]))
        self.assertIn("uringd / floor: 1.09, at most 1.1 wanted – reached", said)
        self.assertIn("uringd, enters: 0.50, at most 0.1 wanted – not reached", said)
        self.assertIn("A & B · 2 CPUs · Linux 6.1 · 2026-01-02", said)
        self.assertIn("nginx 1.22.1", said)
        self.assertIn("higher is better", said)


class Tables(unittest.TestCase):
    def test_a_table_has_a_column_for_each_server_and_a_dash_where_it_was_not_measured(self):
        results = copy.deepcopy(RESULTS)
        results["measurements"].insert(1, measured("4 KiB", {"uringd": value(7.25)}))
        text = figures.markdown(results)
        self.assertIn("| 1 KiB, 64 connections | 9.30 (8.90-10.1) | 5.40 | 5.90 (5.70-6.40) | 18.0 |", text)
        self.assertIn("| 4 KiB | - | - | 7.25 | - |", text)
        self.assertIn("![A hot file over keep-alive connections](figures/hot.svg)", text)

    def test_what_was_not_reached_and_every_note_is_in_the_tables(self):
        text = figures.markdown(RESULTS)
        self.assertIn("| uringd | floor | 1.09 (1.00-1.20) | at most 1.1 | yes |", text)
        self.assertIn("| uringd enters | - | 0.50 | at most 0.1 | **no** |", text)
        self.assertIn("- 1 KiB, 64 connections: the machine was not quiet", text)

    def test_latencies_at_a_fixed_rate_have_a_table_of_their_own(self):
        row = {"rate": 20000, "p50_us_at_rate": 51.0, "p99_us_at_rate": 99.0, "p999_us_at_rate": 150.0,
               "max_us_at_rate": 2000.0}
        text = figures.markdown({"measurements": [MEASURED | {"more": {"uringd": row}}]})
        self.assertIn("| 1 KiB, 64 connections | uringd | 20,000 | 51.0 | 99.0 | 150 | 2,000 |", text)

    def test_of_two_files_the_later_one_counts_and_the_dates_of_both_are_said(self):
        later = {"machine": {"date": "2026-02-01 00:00:00"}, "measurements": [measured("1 KiB, 64 connections", {})]}
        both = figures.merged([RESULTS, later])
        self.assertEqual(len(both["measurements"]), 3)
        self.assertEqual(both["measurements"][0]["values"], {})
        self.assertEqual(both["machine"]["date"], "2026-01-02 to 2026-02-01")

    def test_the_command_writes_drawings_and_prints_tables(self):
        with tempfile.TemporaryDirectory() as directory:
            results = pathlib.Path(directory) / "results.json"
            results.write_text(json.dumps(RESULTS), encoding="utf-8")
            done = subprocess.run([sys.executable, "-B", str(HERE / "figures.py"), str(results), f"{directory}/out"],
                                  capture_output=True, text=True, check=True)
            self.assertEqual(done.stdout, figures.markdown(figures.merged([RESULTS])))
            self.assertTrue((pathlib.Path(directory) / "out/hot.svg").exists())


if __name__ == "__main__":
    unittest.main()
