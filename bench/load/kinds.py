"""Who is compared: the floors and uringd itself, and the table of all servers. bench/README.md says what they are."""
import pathlib
import re
import subprocess
import tempfile

from load import packaged
from load.servers import FILE, Missing, Server, need_binary


class Floor(Server):
    name = "floor"
    program = "uringd_floor"

    def check(self):
        need_binary(self.build / "bench" / self.program)

    def command(self, directory, root, port, setup):
        size = (root / FILE).stat().st_size
        return [self.build / "bench" / self.program, str(port), str(size),
                *(["close"] if setup.close else []), *([f"answer={setup.answer}"] if setup.answer else [])]

    def own_enters(self, output):
        words = output.split()  # requests N enters M
        return int(words[3]) / int(words[1]) if len(words) == 4 and int(words[1]) else None


class FloorEpoll(Floor):
    """The same with epoll, recv and send: what the floor itself is held against."""

    name = "floor-epoll"
    program = "uringd_floor_epoll"

    def own_enters(self, output):
        return None


class Uringd(Server):
    name = "uringd"
    zero_copy = None  # None: the default

    def check(self):
        need_binary(self.build / "src/uringd")

    def command(self, directory, root, port, setup):
        config = directory / "config.toml"
        config.write_text(self.text(root, port, setup))
        overrides = [word for setting in setup.settings for word in ("--set", setting)]
        return [self.build / "src/uringd", "--config", str(config), *overrides]

    def text(self, root, port, setup):
        tables = [f'[server]\nlisten = ["127.0.0.1:{port}"]\nworkers = {setup.workers}\n']
        if setup.connections:
            tables.append(f"[limits]\nconnections = {setup.connections}\n")
        cache = [f'size = "{setup.cache_size}"'] if setup.cache_size else []
        if setup.root is None and setup.size > 64 << 10:  # the default; a file that all ask for is worth more
            cache.append('max_file_size = "1MiB"')
        if cache:
            tables.append("\n".join(["[cache]", *cache, ""]))
        zero_copy = self.zero_copy or setup.zero_copy
        if zero_copy and self.knows_zero_copy():
            tables.append(f'[disk]\nzero_copy = "{zero_copy}"\n')
        return "\n".join([*tables, f'[[site]]\nroot = "{root}"', *setup.site, ""])

    def own_enters(self, output):
        """Each worker's account at its end has requests=N ... enters=M."""
        requests, enters = (sum(map(int, re.findall(rf"\b{name}=(\d+)", output))) for name in ("requests", "enters"))
        return enters / requests if requests else None

    def knows_zero_copy(self):
        """Not every uringd that --build may name has the key."""
        with tempfile.TemporaryDirectory(prefix="uringd-bench-") as directory:
            config = pathlib.Path(directory) / "config.toml"
            config.write_text(f'[disk]\nzero_copy = "never"\n\n[[site]]\nroot = "{directory}"\n')
            command = [self.build / "src/uringd", "--check", "--config", str(config)]
            return subprocess.run(command, capture_output=True, check=False, timeout=10).returncode == 0


class UringdCopy(Uringd):
    """Large files go through buffers of its own: what it does with any file that could change while it is sent."""

    name = "uringd-copy"
    zero_copy = "never"


class UringdZero(Uringd):
    """Large files are sent from the page cache by reference, for sites that replace files by rename only."""

    name = "uringd-zero"
    zero_copy = "always"

    def check(self):
        super().check()
        if not self.knows_zero_copy():
            raise Missing(f"{self.name}: this uringd has no disk.zero_copy")


SERVERS = {kind.name: kind for kind in (Floor, FloorEpoll, Uringd, UringdCopy, UringdZero, *packaged.KINDS)}
