"""Checks answers byte for byte, on connections of its own, before and after timing."""
import contextlib
import os
import socket

from load.servers import Failed


@contextlib.contextmanager
def connection_to(running, timeout=60):
    """What goes wrong on it is the server's failure: it must not end the others' run."""
    try:
        with socket.create_connection(("127.0.0.1", running.port), timeout=timeout) as connection:
            yield connection
    except (OSError, ValueError, IndexError) as error:
        raise Failed(f"{running.server.name}: {type(error).__name__}: {error}") from None


class Answer:
    """One answer: its status, its fields (names in lower case), its body, and how many bytes all of it took."""

    def __init__(self, status, fields, body, size):
        self.status, self.fields, self.body, self.size = status, fields, body, size


def fetch(running, path=None, headers=(), method="GET"):
    """One answer, on a connection of its own that ends with it."""
    with connection_to(running) as connection:
        connection.sendall(request(path or running.server.path, (*headers, "Connection: close"), method))
        return read_whole(connection.makefile("rb"), running.server.name)


def fetch_kept(running, path=None, headers=()):
    """One answer as on a connection that goes on: what is measured."""
    with connection_to(running) as connection:
        connection.sendall(request(path or running.server.path, headers))
        return read_whole(connection.makefile("rb"), running.server.name)


def request(path, headers=(), method="GET"):
    fields = "".join(f"{header}\r\n" for header in headers)
    return f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{fields}\r\n".encode()


def read_whole(answers, name):
    status, fields, size = read_fields(answers, name)
    if status == 304:
        return Answer(status, fields, b"", size)
    if fields.get("transfer-encoding", "").lower() == "chunked":
        body, size = b"", size
        while (line := answers.readline()).strip():
            length = int(line.split(b";")[0], 16)
            piece = answers.read(length + 2)
            body, size = body + piece[:length], size + len(line) + len(piece)
            if length == 0:
                break
        return Answer(status, fields, body, size)
    length = content_length(fields, name)
    body = answers.read(length)
    if len(body) != length:
        raise Failed(f"{name}: an answer of {length} bytes ended after {len(body)}")
    return Answer(status, fields, body, size + length)


def read_fields(answers, name):
    """(status, fields, bytes of the head)"""
    line = answers.readline()
    size = len(line)
    if not line.startswith(b"HTTP/1.1 "):
        raise Failed(f"{name}: no answer but {line!r}")
    status, fields = int(line.split()[1]), {}
    while True:
        line = answers.readline()
        size += len(line)
        if not line.strip():
            return status, fields, size
        field, _, value = line.decode("latin-1").partition(":")
        fields[field.strip().lower()] = value.strip()


def content_length(fields, name):
    if "content-length" not in fields:
        raise Failed(f"{name}: an answer without Content-Length")
    return int(fields["content-length"])


def verify(running, body, depth=1, close=False, path=None, status=200, headers=()):
    """Asks twice on one connection, `depth` requests at once, and compares status, length and every byte. A body of
    None may be anything."""
    name = running.server.name
    text = request(path or running.server.path, (*headers, *(("Connection: close",) if close else ())))
    with connection_to(running) as connection:
        answers = connection.makefile("rb")
        for _ in range(1 if close else 2):
            connection.sendall(text * depth)
            for _ in range(depth):
                compare(read_whole(answers, name), body, int(status), name)
        if close and answers.read(1):
            raise Failed(f"{name}: bytes after an answer with Connection: close")


def compare(answer, body, status, name):
    if answer.status != status:
        raise Failed(f"{name}: expected {status}, got {answer.status}")
    if body is not None and answer.body != body:
        raise Failed(f"{name}: the body of {len(answer.body)} bytes differs from the file's {len(body)}")


def verify_download(running, path, file):
    """Downloads it once and compares every byte."""
    name = running.server.name
    with connection_to(running, timeout=20) as connection, open(file, "rb") as right:
        answers = connection.makefile("rb", buffering=1 << 20)
        connection.sendall(request(path))
        status, fields, _size = read_fields(answers, name)
        length = content_length(fields, name)
        if status != 200 or length != os.fstat(right.fileno()).st_size:
            raise Failed(f"{name}: {status}, and Content-Length of {path} is {length}")
        while piece := right.read(1 << 20):
            if answers.read(len(piece)) != piece:
                raise Failed(f"{name}: {path} differs from the file")
