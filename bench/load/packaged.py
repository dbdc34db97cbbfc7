"""The servers that Debian packages, each as its own experts would set it up; bench/load/peers holds what they read.

A class is one way to set one up, and scenarios name those that compete: the best of them counts. All log nothing, keep
connections for good, and run as one process (or thread) for each of `workers`.
"""
import getpass
import os
import pathlib

from load.machine import find
from load.servers import Missing, Server, descriptors_allowed, filled, need_program

CONNECTIONS = 16384  # where a scenario sets no limit
TEXT = ("text/plain", "text/html", "text/css", "text/javascript", "application/json", "image/svg+xml")
NOT_HTML = tuple(name for name in TEXT if name != "text/html")  # which nginx compresses without being told


def beside(path):
    """A file that came with a program: below the directory that the program's own directory is in. Installed ones and
    those that ./dev unpacked into build/tools are both found so."""
    for directory in [*os.environ.get("PATH", "").split(":"), "/usr/sbin", "/usr/local/sbin"]:
        file = pathlib.Path(directory or ".").resolve().parent / path
        if file.exists():
            return file
    return None


def nginx_may_keep(descriptors):
    """Files in its open_file_cache, each of which is a descriptor; some are left for connections."""
    return max(1000, descriptors - 4000)


class Nginx(Server):
    name = "nginx"
    sendfile, nopush, file_cache, keep_errors, extra = "on", "on", True, "on", ""
    main = ""  # what stands outside of http { }
    processes = None  # None: as many as the setup says

    def check(self):
        need_program("nginx", "nginx-light or nginx")

    def cannot(self, setup):
        return f"{setup.compress} is no module of Debian's package" if setup.compress in ("br", "zstd") else None

    def command(self, directory, root, port, setup):
        descriptors = descriptors_allowed(setup.descriptors)
        cached = min(setup.files, nginx_may_keep(descriptors))
        # Level 1, its default, costs the least.
        coding = f"gzip on; gzip_min_length 100; gzip_comp_level 1; gzip_types {' '.join(NOT_HTML)};"
        config = directory / "nginx.conf"
        config.write_text(filled("nginx.conf", {
            "DIR": directory, "ROOT": root, "PORT": port, "USER": getpass.getuser(), "SENDFILE": self.sendfile,
            "NOPUSH": self.nopush, "KEEP_ERRORS": self.keep_errors, "WORKERS": self.processes or setup.workers,
            # Otherwise the first to wake up takes nearly all connections.
            "REUSEPORT": " reuseport" if (self.processes or setup.workers) > 1 else "",
            "MAIN": self.main,
            "EXTRA": " ".join([self.extra, coding if setup.compress else "",
                               "gzip_static on;" if setup.precompressed else ""]),
            "FILE_CACHE": f"max={cached} inactive=3600s" if self.file_cache else "off",
            "DESCRIPTORS": descriptors,
            # It closes idle connections when less than a 16th of its slots is free.
            "CONNECTIONS": setup.connections * 9 // 8 + 16 if setup.connections else CONNECTIONS}))
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


class NginxAioMany(Nginx):
    """Threads for more clients than 32, and a tree of which every file is asked for once."""

    name = "nginx-aio-128-threads"
    main, extra, file_cache = "thread_pool many threads=128 max_queue=65536;", "aio threads=many;", False


class NginxAioDirect(Nginx):
    """Its threads read past the page cache, in pieces that are worth a read: for what is larger than memory."""

    name = "nginx-aio-direct"
    sendfile, nopush, file_cache = "off", "off", False
    extra = "aio threads; directio 64k; output_buffers 1 256k;"


class NginxAioNoCache(Nginx):
    """The same threads, for a tree of which every file is asked for once: nothing is worth keeping open."""

    name = "nginx-aio-no-cache"
    file_cache = False
    extra = "aio threads;"


class NginxChunk(Nginx):
    """No download keeps the worker for longer than 256 KiB."""

    name = "nginx-chunk"
    extra = "sendfile_max_chunk 256k;"


class NginxNoCache(Nginx):
    """Without open_file_cache: each request opens, looks, closes. Nothing can be stale."""

    name = "nginx-no-cache"
    file_cache = False


class NginxCopyNoCache(NginxCopy):
    """The same, reading and writing."""

    name = "nginx-copy-no-cache"
    file_cache = False


class NginxNoErrors(Nginx):
    """open_file_cache remembers files, but not what is missing: nginx's default."""

    name = "nginx-errors-off"
    keep_errors = "off"


class NginxMany(Nginx):
    """32 processes on the one core: while one waits for the disk another answers."""

    name = "nginx-32-workers"
    processes = 32


class Lighttpd(Server):
    name = "lighttpd"
    backend, stat_cache = "sendfile", "inotify"
    processes = None  # None: as many as the setup says

    def check(self):
        need_program("lighttpd", "lighttpd")

    def cannot(self, setup):
        if setup.compress and not beside("lib/lighttpd/mod_deflate.so"):
            return "mod_deflate is missing (Debian package lighttpd-mod-deflate)"
        return "it has no precompressed files" if setup.precompressed else None

    def command(self, directory, root, port, setup):
        descriptors = descriptors_allowed(setup.descriptors)
        connections = setup.connections + 16 if setup.connections else min(CONNECTIONS, descriptors // 2)
        workers = self.processes or setup.workers
        config = directory / "lighttpd.conf"
        config.write_text(filled("lighttpd.conf", {
            "DIR": directory, "ROOT": root, "PORT": port, "BACKEND": self.backend, "STAT_CACHE": self.stat_cache,
            "DESCRIPTORS": descriptors, "CONNECTIONS": connections,
            "WORKERS": workers if workers > 1 else 0,  # 0: the process itself, without a parent
            "EXTRA": self.deflate(directory, setup.compress) if setup.compress else ""}))
        modules = ["-m", str(beside("lib/lighttpd/mod_deflate.so").parent)] if setup.compress else []
        return [find("lighttpd"), "-D", "-f", str(config), *modules]

    @staticmethod
    def deflate(directory, coding):
        (directory / "deflated").mkdir()
        types = ", ".join(f'"{name}"' for name in TEXT)
        return (f'server.modules += ( "mod_deflate" )\ndeflate.allowed-encodings = ( "{coding}" )\n'
                f'deflate.mimetypes = ( {types} )\ndeflate.cache-dir = "{directory}/deflated"\n'
                "deflate.min-compress-size = 100\n")


class LighttpdSimple(Lighttpd):
    """What it knows of a file is forgotten after two seconds, and its descriptor with it: for trees of many files."""

    name = "lighttpd-simple"
    stat_cache = "simple"


class LighttpdWritev(Lighttpd):
    """Reads and writes; with sendfile it does so only below 32 KiB."""

    name = "lighttpd-writev"
    backend = "writev"


class LighttpdMany(Lighttpd):
    """32 processes on the one core: while one waits for the disk another answers."""

    name = "lighttpd-32-workers"
    processes = 32


class H2o(Server):
    name = "h2o"
    threads = None  # None: as many as the setup says

    def check(self):
        need_program("h2o", "h2o")

    def cannot(self, setup):
        return "it has no zstd" if setup.compress == "zstd" else None

    def command(self, directory, root, port, setup):
        # Quality 1, its default, costs the least.
        coding = {None: "OFF", "gzip": "\n  gzip: 1", "br": "\n  br: 1"}[setup.compress]
        config = directory / "h2o.conf"
        config.write_text(filled("h2o.conf", {
            "DIR": directory, "ROOT": root, "PORT": port, "USER": getpass.getuser(),
            "THREADS": self.threads or setup.workers,
            "CONNECTIONS": setup.connections + 16 if setup.connections else CONNECTIONS, "COMPRESS": coding,
            "PRECOMPRESSED": "ON" if setup.precompressed else "OFF"}))
        return [find("h2o"), "-m", "worker", "-c", str(config)]


class H2oMany(H2o):
    """The same for its threads, each of which has clients of its own."""

    name = "h2o-32-threads"
    threads = 32


class Apache(Server):
    """The event MPM: one process, one thread that waits for clients, and threads that serve them."""

    name = "apache2"
    threads = 64

    def check(self):
        need_program("apache2", "apache2-bin")
        if not beside("lib/apache2/modules/mod_mpm_event.so"):
            raise Missing(f"{self.name}: its modules are not beside it (Debian package apache2-bin)")

    def cannot(self, setup):
        if setup.compress == "zstd":
            return "it has no zstd"
        return "without rewriting it has no precompressed files" if setup.precompressed else None

    def command(self, directory, root, port, setup):
        modules, extra = ["mpm_event", "authz_core", "mime"], []
        if setup.compress:
            module, output = {"gzip": ("deflate", "DEFLATE"), "br": ("brotli", "BROTLI_COMPRESS")}[setup.compress]
            modules += ["filter", module]
            extra.append("DeflateCompressionLevel 1" if module == "deflate" else "BrotliCompressionQuality 1\n")
            extra.append(f"AddOutputFilterByType {output} {' '.join(TEXT)}")
        if os.geteuid() == 0:  # its children refuse to be root
            extra.append("User nobody\nGroup nogroup")
        folder = beside("lib/apache2/modules/mod_mpm_event.so").parent
        connections = (setup.connections or CONNECTIONS) + 64
        config = directory / "apache2.conf"
        config.write_text(filled("apache2.conf", {
            "MODULES": "\n".join(f'LoadModule {name}_module "{folder}/mod_{name}.so"' for name in modules),
            "DIR": directory, "ROOT": root, "PORT": port, "PROCESSES": setup.workers, "THREADS": self.threads,
            "ALL_THREADS": setup.workers * self.threads, "FACTOR": -(-connections // self.threads),
            "EXTRA": "\n".join(extra)}))
        return [find("apache2"), "-D", "FOREGROUND", "-f", str(config)]


class ApacheThreads(Apache):
    """More threads than clients that may wait for the disk: without an idle one it closes connections."""

    name = "apache2-1024-threads"
    threads = 1024


class Caddy(Server):
    name = "caddy"

    def check(self):
        need_program("caddy", "caddy", "version")

    def cannot(self, setup):
        return "it does not make br" if setup.compress == "br" else None

    def command(self, directory, root, port, setup):
        coding = {None: "", "gzip": "encode {\n    gzip 1\n    minimum_length 100\n  }",
                  "zstd": "encode {\n    zstd\n    minimum_length 100\n  }"}[setup.compress]
        config = directory / "Caddyfile"
        config.write_text(filled("Caddyfile", {
            "DIR": directory, "ROOT": root, "PORT": port, "ENCODE": coding,
            "PRECOMPRESSED": "precompressed br zstd gzip" if setup.precompressed else ""}))
        return [find("caddy"), "run", "--config", str(config), "--adapter", "caddyfile"]

    def environment(self, directory, setup):
        return os.environ | {"GOMAXPROCS": str(setup.workers), "HOME": directory, "XDG_DATA_HOME": directory,
                             "XDG_CONFIG_HOME": directory}


KINDS = (Nginx, NginxCopy, NginxNoPush, NginxAio, NginxAioMany, NginxAioDirect, NginxAioNoCache, NginxChunk,
         NginxNoCache, NginxCopyNoCache, NginxNoErrors, NginxMany, Lighttpd, LighttpdSimple, LighttpdWritev,
         LighttpdMany, H2o, H2oMany, Apache, ApacheThreads, Caddy)
