"""uringd_load against the floor, and against a server that misbehaves: does it count what happened, and time it right?

Arguments: uringd_load, uringd_floor.
"""
import json
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

LOAD, FLOOR = sys.argv[1:3]
BODY = (b"abcdefghijklmnopqrstuvwxyz" * 40)[:1024]  # the floor's


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def load(port, *words):
    """What it printed."""
    done = subprocess.run([LOAD, str(port), *map(str, words)], capture_output=True, text=True, timeout=60, check=True)
    return json.loads(done.stdout)


class Floor:
    def __init__(self, close=False):
        self.port = free_port()
        words = [FLOOR, str(self.port), str(len(BODY)), *(["close"] if close else [])]
        self.process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError("uringd_floor does not answer")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        self.process.wait()


class Scripted:
    """Answers each request with what `answer(target)` returns: pieces of bytes; None closes the connection."""

    def __init__(self, answer):
        self.answer, self.targets = answer, []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.close()

    def accept(self):
        try:
            while True:
                threading.Thread(target=self.serve, args=(self.listener.accept()[0],), daemon=True).start()
        except OSError:
            pass  # closed: that is the end

    def serve(self, connection):
        came = b""
        try:
            with connection:
                while piece := connection.recv(65536):
                    came += piece
                    while b"\r\n\r\n" in came:
                        head, _, came = came.partition(b"\r\n\r\n")
                        self.targets.append(head.split(b" ")[1].decode())
                        for part in self.answer(self.targets[-1]):
                            if part is None:
                                return
                            connection.sendall(part)
                            time.sleep(0.002)
        except OSError:
            pass  # the client has gone


def whole(body=b"hello", status="200 OK", field="X: y"):
    return b"HTTP/1.1 %s\r\n%s\r\nContent-Length: %d\r\n\r\n%s" % (status.encode(), field.encode(), len(body), body)


def chunked(*pieces):
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n" + b"".join(pieces)


class CountsAgainstTheFloor(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.floor = Floor()
        cls.addClassCleanup(cls.floor.__exit__)

    def clean(self, seen):
        self.assertGreater(seen["requests"], 0)
        self.assertEqual(seen["statuses"], {"200": seen["requests"]})
        for key in ("wrong", "failures", "timeouts", "unanswered", "reconnects"):
            self.assertEqual(seen[key], 0, key)

    def test_a_closed_loop_counts_answers_and_bytes(self):
        for more in ((), ("--depth", 16), ("--connections", 512), ("--connections", 1), ("--drop",)):
            with self.subTest(more):
                seen = load(self.floor.port, "--path", "/f", "--seconds", 0.3, *more)
                self.clean(seen)
                cut_off = seen["bytes"] - seen["requests"] * len(BODY)  # the end of the run may cut bodies off
                self.assertTrue(0 <= cut_off < 512 * len(BODY), seen)
                self.assertAlmostEqual(seen["rate"], seen["requests"] / seen["seconds"], delta=10)
                ordered = list(seen["latency_us"].values())
                self.assertEqual(ordered, sorted(ordered))

    def test_once_asks_once_on_each_connection_and_drops_exactly_the_body(self):
        for more in ((), ("--drop",)):
            seen = load(self.floor.port, "--path", "/f", "--once", "--connections", 100, *more)
            self.clean(seen)
            self.assertEqual((seen["requests"], seen["bytes"]), (100, 100 * len(BODY)))

    def test_an_open_loop_asks_as_often_as_it_was_told(self):
        seen = load(self.floor.port, "--path", "/f", "--rate", 500, "--seconds", 1.2, "--realtime")
        self.clean(seen)
        self.assertEqual(seen["requests"], 600)
        self.assertGreaterEqual(seen["seconds"], 1.2)

    def test_a_server_that_stood_still_is_seen_by_every_question_of_that_time(self):
        def stand_still():
            time.sleep(0.5)
            self.floor.process.send_signal(signal.SIGSTOP)
            time.sleep(0.5)
            self.floor.process.send_signal(signal.SIGCONT)

        threading.Thread(target=stand_still).start()
        seen = load(self.floor.port, "--path", "/f", "--rate", 1000, "--seconds", 1.5, "--connections", 8)
        self.clean(seen)
        self.assertEqual(seen["requests"], 1500)
        milliseconds = {key: value / 1e3 for key, value in seen["latency_us"].items()}
        self.assertTrue(490 < milliseconds["max"] < 900, seen)
        self.assertTrue(450 < milliseconds["p99"] < 900, seen)  # 15 questions of 1,500: the last 15 ms of them
        self.assertTrue(300 < milliseconds["p90"] < 700, seen)  # 500 - 150 ms
        self.assertLess(milliseconds["p50"], 100, seen)

    def test_what_never_came_is_unanswered_and_in_the_latencies(self):
        self.floor.process.send_signal(signal.SIGSTOP)
        seen = load(self.floor.port, "--path", "/f", "--rate", 100, "--seconds", 0.5, "--connections", 4,
                    "--patience", 1)
        self.floor.process.send_signal(signal.SIGCONT)
        self.assertEqual((seen["requests"], seen["failures"]), (0, 0))
        self.assertEqual(seen["unanswered"] + seen["timeouts"], 50, seen)
        self.assertGreater(seen["latency_us"]["p50"], 900_000)

    def test_bodies_are_compared_with_a_file(self):
        with tempfile.NamedTemporaryFile() as file:
            for at, right in ((None, True), (0, False), (1023, False)):
                text = bytearray(BODY)
                if at is not None:
                    text[at] ^= 1
                pathlib.Path(file.name).write_bytes(text)
                seen = load(self.floor.port, "--path", "/f", "--seconds", 0.1, "--expect", file.name)
                self.assertEqual(seen["wrong"], 0 if right else seen["requests"])
            pathlib.Path(file.name).write_bytes(BODY + b"!")
            seen = load(self.floor.port, "--path", "/f", "--seconds", 0.1, "--expect", file.name)
            self.assertEqual(seen["wrong"], seen["requests"])

    def test_another_status_than_expected_is_wrong(self):
        seen = load(self.floor.port, "--path", "/f", "--seconds", 0.1, "--status", "304,404")
        self.assertGreater(seen["requests"], 0)
        self.assertEqual(seen["wrong"], seen["requests"])
        self.assertEqual(load(self.floor.port, "--path", "/f", "--once", "--status", "304,200")["wrong"], 0)

    def test_a_connection_for_each_request(self):
        with Floor(close=True) as floor:
            for more in ((), ("--rate", 300), ("--drop",)):
                seen = load(floor.port, "--path", "/f", "--close", "--seconds", 0.5, *more)
                self.clean(seen)
                if more == ("--rate", 300):
                    self.assertEqual(seen["requests"], 150)


class AgainstAServerThatMisbehaves(unittest.TestCase):
    def seen_of(self, answer, *words):
        with Scripted(answer) as server:
            self.server = server
            return load(server.port, "--connections", 2, "--seconds", 0.3, *words)

    def test_answers_in_pieces(self):
        text = whole(b"x" * 300)
        seen = self.seen_of(lambda _target: [text[:10], text[10:30], text[30:90], text[90:]], "--path", "/", "--once")
        self.assertEqual((seen["requests"], seen["bytes"], seen["failures"]), (2, 600, 0))

    def test_answers_without_a_body(self):
        answers = [b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n", b"HTTP/1.1 204 No Content\r\n\r\n"]
        seen = self.seen_of(lambda target: [answers[target == "/b"]], "--paths", self.listed("/a", "/b"), "--once",
                            "--status", "304")
        self.assertEqual((seen["statuses"], seen["bytes"], seen["wrong"]), ({"204": 1, "304": 1}, 0, 1))

    def test_more_answers_than_questions_are_a_failure(self):
        seen = self.seen_of(lambda _target: [whole() + whole()], "--path", "/", "--once")
        self.assertEqual(seen["failures"], 2)

    def test_nonsense_and_cut_answers_are_failures(self):
        for text in (b"HTTP/1.1 200 OK\r\n\r\n", b"hello\r\n\r\n", whole()[:-1], b""):
            with self.subTest(text):
                seen = self.seen_of(lambda _target, text=text: [text, None], "--path", "/", "--once")
                self.assertEqual((seen["requests"], seen["failures"]), (0, 2))

    def test_chunks_cut_anywhere(self):
        text = chunked(b"5\r\nhello\r\n0010;name=\"value\"\r\n", b"x" * 16, b"\r\na \r\n\r\n23456789\r\n",
                       b"0\r\nTrailer: 1\r\nOther: 2\r\n\r\n")
        body = b"hello" + b"x" * 16 + b"\r\n23456789"
        cuts = [[text], [text[at:at + 1] for at in range(len(text))],
                *([text[:at], text[at:]] for at in range(1, len(text)))]
        for pieces in cuts:
            self.assertEqual(self.chunks_seen(pieces, body), (2, 2 * len(body), 0, 0), pieces)
        for pieces in cuts[:2]:
            self.assertEqual(self.chunks_seen(pieces), (2, 2 * len(body), 0, 0), pieces)
            for other in (body + b"!", body[:-1], b"j" + body[1:]):
                self.assertEqual(self.chunks_seen(pieces, other), (2, 2 * len(body), 0, 2), (pieces, other))

    def chunks_seen(self, pieces, expected=None):
        with tempfile.NamedTemporaryFile() as file:
            pathlib.Path(file.name).write_bytes(expected or b"")
            more = ("--expect", file.name) if expected else ("--drop",)
            seen = self.seen_of(lambda _target: pieces, "--path", "/", "--once", "--seconds", 10, *more)
        return tuple(seen[key] for key in ("requests", "bytes", "failures", "wrong"))

    def test_chunks_are_followed_by_another_answer(self):
        text = chunked(b"5\r\nhello\r\n0\r\n\r\n")
        seen = self.seen_of(lambda _target: [text], "--path", "/", "--depth", 3, "--once")
        self.assertEqual((seen["requests"], seen["bytes"], seen["failures"]), (6, 30, 0))
        seen = self.seen_of(lambda _target: [text + text], "--path", "/", "--once")
        self.assertEqual(seen["failures"], 2)

    def test_broken_chunks_are_failures(self):
        for body in (b"\r\nhello\r\n0\r\n\r\n", b"5\nhello\r\n0\r\n\r\n", b"5\r\nhello0\r\n\r\n",
                     b"5\r\nhellos\r\n0\r\n\r\n", b"g\r\n", b"-5\r\nhello\r\n0\r\n\r\n", b"5,\r\nhello\r\n0\r\n\r\n",
                     b"00000000000000005\r\nhello\r\n0\r\n\r\n", b"5\r\nhello\n0\r\n\r\n", b"5\r\nhello\r\n0\r\n\rx",
                     b"5;a\nhello\r\n0\r\n\r\n", b"0\r\nTrailer: 1\n\r\n", b"5\r\nhello\r\n0\r\n", b"5\r\nhel",
                     b"5;" + b"x" * 70_000 + b"\r\nhello\r\n0\r\n\r\n"):
            with self.subTest(body[:40]):
                seen = self.seen_of(lambda _target, body=body: [chunked(body), None], "--path", "/", "--once")
                self.assertEqual((seen["requests"], seen["failures"]), (0, 2))

    def test_an_answer_is_as_long_as_one_field_says(self):
        end = b"\r\n\r\n0\r\n\r\n"  # five bytes, too
        for head in (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5",
                     b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked",
                     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked",
                     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked"):
            with self.subTest(head):
                seen = self.seen_of(lambda _target, head=head: [head + end, None], "--path", "/", "--once")
                self.assertEqual((seen["requests"], seen["failures"]), (0, 2))

    def test_a_server_that_closes_after_saying_so_has_not_failed(self):
        seen = self.seen_of(lambda _target: [whole(field="Connection: close"), None], "--path", "/")
        self.assertGreater(seen["requests"], 4)
        self.assertEqual(seen["failures"], 0)
        self.assertGreaterEqual(seen["reconnects"], seen["requests"] - 2)

    def test_an_answer_that_does_not_come_is_a_timeout(self):
        seen = self.seen_of(lambda _target: [], "--path", "/", "--once", "--patience", 0.2, "--seconds", 5)
        self.assertEqual((seen["requests"], seen["timeouts"], seen["failures"]), (0, 2, 0))

    def test_nobody_there(self):
        for more in ((), ("--close",), ("--rate", 100)):
            seen = load(free_port(), "--path", "/", "--seconds", 0.2, "--patience", 0.5, *more)
            self.assertEqual(seen["requests"], 0)
            self.assertGreater(seen["failures"], 0)

    def test_a_walk_asks_for_each_target_once_and_then_again(self):
        targets = [f"/{number}" for number in range(50)]
        self.seen_of(lambda _target: [whole()], "--paths", self.listed(*targets), "--once")
        self.assertEqual(sorted(self.server.targets), sorted(targets))
        self.seen_of(lambda _target: [whole()], "--paths", self.listed("/a", "/b", "/c"), "--rate", 50)
        self.assertEqual({target: self.server.targets.count(target) for target in ("/a", "/b", "/c")},
                         {"/a": 5, "/b": 5, "/c": 5})
        self.seen_of(lambda _target: [whole()], "--paths", self.listed(*targets), "--order", "random", "--rate", 100)
        self.assertNotEqual(self.server.targets, targets[:len(self.server.targets)])
        self.assertLessEqual(set(self.server.targets), set(targets))

    def listed(self, *targets):
        file = tempfile.NamedTemporaryFile("w", prefix="uringd-load-")
        self.addCleanup(file.close)
        file.write("\n".join(targets) + "\n")
        file.flush()
        return file.name


class BadArguments(unittest.TestCase):
    def test_they_are_refused_in_one_line(self):
        for words in ("", "x", "0 --path /", "80", "80 --path", "80 --path x", "80 --path /a --paths /nowhere",
                      "80 --path / --rate", "80 --path / --rate 0", "80 --path / --rate 1 --depth 2",
                      "80 --path / --connections 0", "80 --path / --status 20", "80 --path / --what",
                      "80 --path / --order up", "80 --path / --header x", "80 --path / --expect /nowhere"):
            with self.subTest(words):
                done = subprocess.run([LOAD, *words.split()], capture_output=True, text=True, timeout=10)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertTrue(re.fullmatch(r"uringd_load: .+\n", done.stderr), done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
