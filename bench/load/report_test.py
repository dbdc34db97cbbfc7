"""Whether verdicts say what the rounds say: python3 -B report_test.py"""
import json
import pathlib
import socket
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from load import answers, client, decode, report, scenarios  # noqa: E402
from load.report import Reach  # noqa: E402
from load.servers import Failed  # noqa: E402


def measured(costs, reach, more=None, **how):
    rounds = {name: [{"cost": cost} for cost in each] for name, each in costs.items()}
    return report.measurement("hot", "1 KiB", "CPU us/request", "us", rounds, "cost", reach=reach, more=more, **how)


class Verdicts(unittest.TestCase):
    def test_the_best_is_the_cheapest_packaged_peer_by_its_median(self):
        found = measured({"floor": [1, 1, 1], "uringd": [4, 5, 6], "nginx": [9, 9, 1], "h2o": [8, 8, 8]},
                         (Reach("best", 0.8),))["verdicts"]
        self.assertEqual([(row["against"], row["ratio"], row["reached"]) for row in found],
                         [("best: h2o", 0.625, True)])
        self.assertEqual((found[0]["min"], found[0]["max"]), (0.5, 0.75))

    def test_a_figure_that_should_be_high_is_reached_from_above(self):
        rounds = {"uringd": [90], "nginx": [100], "h2o": [50]}
        row = measured(rounds, (Reach("best", 1.0),), lower_is_better=False)["verdicts"][0]
        self.assertEqual((row["against"], row["reached"], row["at_least"]), ("best: nginx", False, True))

    def test_the_better_floor_counts_and_a_note_says_so(self):
        result = measured({"floor": [6], "floor-epoll": [5], "uringd": [5.4]}, (Reach("floor", 1.1),))
        self.assertEqual((result["verdicts"][0]["against"], result["verdicts"][0]["reached"]), ("floor-epoll", True))
        self.assertTrue(any("floor costs 1.20 times" in note for note in result["notes"]))

    def test_an_absent_rival_gives_a_note_and_no_verdict(self):
        result = measured({"uringd": [5]}, (Reach("best", 0.8), Reach("lighttpd", 0.6)))
        self.assertEqual((result["verdicts"], len(result["notes"])), ([], 2))

    def test_a_bound_needs_no_rival(self):
        row = measured({"uringd": [5]}, (Reach(None, 0.1, key="enters_per_request", words="enters per request"),),
                       more={"uringd": {"enters_per_request": 0.2}})["verdicts"][0]
        self.assertEqual((row["ratio"], row["reached"]), (0.2, False))


class Turns(unittest.TestCase):
    class Named:
        def __init__(self, name):
            self.name = name

    def test_a_peer_that_fails_is_left_out_and_said_and_uringd_may_not(self):
        def turn(failing):
            def one(server, _number):
                if server.name == failing:
                    raise Failed(f"{server.name}: wrong")
                return 1
            return one

        servers, notes = [self.Named("uringd"), self.Named("nginx")], []
        self.assertEqual(scenarios.take_turns("x", servers, 2, turn("nginx"), notes), {"uringd": [1, 1]})
        self.assertEqual(notes, ["left out: nginx: wrong"])
        self.assertRaises(Failed, scenarios.take_turns, "x", servers, 2, turn("uringd"), notes)

    def test_the_fixed_rate_is_half_of_the_slowest_in_two_digits(self):
        rounds = {"a": [{"requests_per_second": 99_900}], "b": [{"requests_per_second": 47_700}]}
        self.assertEqual(scenarios.fixed_rate(rounds), 23_000)


class Clients(unittest.TestCase):
    WRK = "  1000 requests in 2.00s, 1MB read\n     50%    1.50ms\n     99%   90.00us\n"

    def test_wrk_is_read_in_its_units(self):
        load = client.wrk_saw(self.WRK, 1.0, client.Ask())
        self.assertEqual((load.requests, load.seconds, load.latency_us, load.wrong),
                         (1000, 2.0, {"p50": 1500.0, "p99": 90.0}, 0))

    def test_answers_that_are_no_success_are_wrong_unless_they_were_wanted(self):
        refused = self.WRK + "  Non-2xx or 3xx responses: 1000\n"
        self.assertEqual(client.wrk_saw(refused, 1.0, client.Ask()).wrong, 1000)
        self.assertEqual(client.wrk_saw(refused, 1.0, client.Ask(statuses=(404,))).wrong, 0)
        self.assertEqual(client.wrk_saw(self.WRK, 1.0, client.Ask(statuses=(404,))).wrong, 1000)

    def test_a_wrong_byte_is_seen(self):
        answer = answers.Answer(200, {}, b"abd", 3)
        self.assertRaises(Failed, answers.compare, answer, b"abc", 200, "x")
        self.assertRaises(Failed, decode.decoded, "zstd", b"not zstd")


class Loads(unittest.TestCase):
    class Running:
        class server:
            name = "peer"

    @staticmethod
    def said(**figures):
        counts = {"requests": 10_000, "wrong": 0, "failures": 0, "timeouts": 0, "reconnects": 0} | figures
        return json.dumps(counts | {"seconds": 1, "cpu_seconds": 1, "bytes": 1, "statuses": {}, "latency_us": {}})

    def test_a_few_failures_are_told_and_more_are_no_figure(self):
        few = client.load_saw(self.said(failures=10), self.Running, client.Ask())
        self.assertEqual(len(few.none_wrong(self.Running).errors), 1)
        with self.assertRaises(Failed):
            client.load_saw(self.said(failures=6, timeouts=5), self.Running, client.Ask()).none_wrong(self.Running)

    def test_connections_that_were_to_be_kept_and_are_not_are_told(self):
        self.assertEqual(len(client.load_saw(self.said(reconnects=1), self.Running, client.Ask()).errors), 1)
        self.assertEqual(client.load_saw(self.said(reconnects=1), self.Running, client.Ask(close=True)).errors, [])

    def test_wrk_is_not_asked_for_what_it_cannot_do(self):
        for ask in (client.Ask(depth=16), client.Ask(drop=True), client.Ask(statuses=(206,)), client.Ask(paths="x")):
            with self.assertRaises(Failed), client.wrk_beside(self.Running, 0, 1, 1, ask):
                pass

    def test_a_connection_that_breaks_is_its_servers_failure(self):
        running = self.Running()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            running.port = listener.getsockname()[1]
        with self.assertRaises(Failed):
            answers.fetch_kept(running, "/")


unittest.main()
