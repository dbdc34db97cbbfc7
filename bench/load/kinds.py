"""Who is compared: how each server, and each way to set one up, is started. bench/README.md says what they are."""
import getpass
import pathlib
import subprocess
import tempfile

from load.machine import find
from load.servers import FILE, Missing, Server, descriptors_allowed, filled, need_binary, need_program

NGINX_CONNECTIONS = 16384


class Floor(Server):
    name = "floor"

    def check(self):
        need_binary(self.build / "bench/uringd_floor")

    def command(self, directory, root, port, setup):
        size = (root / FILE).stat().st_size
        return [self.build / "bench/uringd_floor", str(port), str(size)] + (["close"] if setup.close else [])

    def own_enters(self, output):
        words = output.split()  # requests N enters M
        return int(words[3]) / int(words[1]) if len(words) == 4 and int(words[1]) else None


class Uringd(Server):
    name = "uringd"
    zero_copy = None  # None: the default

    def check(self):
        need_binary(self.build / "src/uringd")

    def command(self, directory, root, port, setup):
        config = directory / "config.toml"
        config.write_text(self.text(root, port, setup))
        return [self.build / "src/uringd", "--config", str(config)]

    def text(self, root, port, setup):
        tables = [f'[server]\nlisten = ["127.0.0.1:{port}"]\nworkers = 1\n']
        if setup.connections:
            tables.append(f"[limits]\nconnections = {setup.connections}\n")
        if setup.cache_size:
            tables.append(f'[cache]\nsize = "{setup.cache_size}"\n')
        if self.zero_copy and self.knows_zero_copy():
            tables.append(f'[disk]\nzero_copy = "{self.zero_copy}"\n')
        return "\n".join([*tables, f'[[site]]\nroot = "{root}"\n'])

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


def nginx_may_keep(descriptors):
    """Files in its open_file_cache, each of which is a descriptor; some are left for connections."""
    return max(1000, descriptors - 4000)


class Nginx(Server):
    name = "nginx"
    sendfile, nopush, file_cache, keep_errors, extra = "on", "on", True, "on", ""

    def check(self):
        need_program("nginx", "nginx-light or nginx")

    def command(self, directory, root, port, setup):
        descriptors = descriptors_allowed(setup.descriptors)
        cached = min(setup.files, nginx_may_keep(descriptors))
        config = directory / "nginx.conf"
        config.write_text(filled("nginx.conf", {
            "DIR": directory, "ROOT": root, "PORT": port, "USER": getpass.getuser(), "SENDFILE": self.sendfile,
            "NOPUSH": self.nopush, "EXTRA": self.extra, "KEEP_ERRORS": self.keep_errors,
            "FILE_CACHE": f"max={cached} inactive=3600s" if self.file_cache else "off",
            "DESCRIPTORS": descriptors,
            # It closes idle connections when less than a 16th of its slots is free.
            "CONNECTIONS": setup.connections * 9 // 8 + 16 if setup.connections else NGINX_CONNECTIONS}))
        return [find("nginx"), "-e", f"{directory}/error.log", "-p", str(directory), "-c", str(config)]


class NginxCopy(Nginx):
    """Without sendfile nginx reads and writes small files; some of its experts prefer that for them."""

    name = "nginx-copy"
    sendfile, nopush = "off", "off"


class NginxNoPush(Nginx):
    """tcp_nopush stalls pipelined batches for 40 ms: less CPU, few answers. Without it: more CPU, no stalls."""

    name = "nginx-nopush-off"
    nopush = "off"


class NginxAio(Nginx):
    """Reads (not opens) are left to its 32 threads."""

    name = "nginx-aio-threads"
    extra = "aio threads;"


class NginxChunk(Nginx):
    """No download keeps the worker for longer than 256 KiB."""

    name = "nginx-chunk"
    extra = "sendfile_max_chunk 256k;"


class NginxNoCache(Nginx):
    """Without open_file_cache: each request opens, looks, closes. Nothing can be stale."""

    name = "nginx-no-cache"
    file_cache = False


class NginxNoErrors(Nginx):
    """open_file_cache remembers files, but not what is missing: nginx's default."""

    name = "nginx-errors-off"
    keep_errors = "off"


class Lighttpd(Server):
    name = "lighttpd"

    def check(self):
        need_program("lighttpd", "lighttpd")

    def command(self, directory, root, port, setup):
        config = directory / "lighttpd.conf"
        config.write_text(filled("lighttpd.conf", {"DIR": directory, "ROOT": root, "PORT": port}))
        return [find("lighttpd"), "-D", "-f", str(config)]


class H2o(Server):
    name = "h2o"

    def check(self):
        need_program("h2o", "h2o")

    def command(self, directory, root, port, setup):
        config = directory / "h2o.conf"
        config.write_text(filled("h2o.conf", {"DIR": directory, "ROOT": root, "PORT": port, "USER": getpass.getuser()}))
        return [find("h2o"), "-m", "worker", "-c", str(config)]


KINDS = (Floor, Uringd, UringdCopy, UringdZero, Nginx, NginxCopy, NginxNoPush, NginxAio, NginxChunk, NginxNoCache,
         NginxNoErrors, Lighttpd, H2o)
SERVERS = {kind.name: kind for kind in KINDS}
