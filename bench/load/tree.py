"""The tree of small files that cold and thumbs ask for: file N is /NN/NNNNNN.txt, NN being its last two digits.

A file's text says which file it is, so that an answer with another one's bytes is found out. slow_image.cpp knows
the same names and texts.
"""
import pathlib

from load.servers import FILE, body_of

DIRECTORIES = 100
FILES, QUICK_FILES = 100_000, 2_000
SIZE = 7 * 1024


def path_of(number):
    return f"/{number % DIRECTORIES:02d}/{number:06d}.txt"


def text_of(number, size=SIZE):
    line = f"{number:08d}\n".encode()
    return (line * (size // len(line) + 1))[:size]


def make(root, files):
    """The tree and the hot file of 1 KiB, below `root`."""
    root = pathlib.Path(root)
    (root / FILE).write_bytes(body_of(1024))
    for directory in range(DIRECTORIES):
        (root / f"{directory:02d}").mkdir()
    for number in range(files):
        with open(f"{root}{path_of(number)}", "wb", buffering=0) as file:
            file.write(text_of(number))


def samples(files):
    """A few (path, text) to check a server with."""
    return [(path_of(number), text_of(number)) for number in (0, files // 3, files - 1)]
