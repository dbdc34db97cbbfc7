"""Disks that take their time: the two modes of slow_image.cpp, mounted for one turn and taken down whatever happens.

`Image`: an ext4 file system that is held in memory behind a file whose every read takes DELAY ms, on a loop device with
direct I/O, mounted read-only: an ordinary block file system, as slow as a disk. Needs root. The image is built once for
a run; it is mounted anew for each turn, which leaves nothing of it in any cache.
`Names`: the same tree straight from FUSE, where each look-up of a file and each open takes DELAY ms, reads nothing.
"""
import concurrent.futures
import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

from load import machine, tree
from load.machine import find
from load.servers import Failed, Missing, need_binary, on_cpu, undisturbed

UNMOUNT_SECONDS = 30  # a ring's teardown goes on for a while after its process has ended


def call(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, timeout=300)
    if done.returncode != 0:
        raise Failed(f"{' '.join(map(str, command))}: {(done.stdout + done.stderr).strip()[-300:]}")
    return done.stdout.strip()


def check(build):
    need_binary(build / "bench/uringd_slow_image")
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        raise Missing("a slow disk: /dev/fuse cannot be opened here")


class Disk:
    """A mounted one: `root` to serve, `count()` of the delayed operations answered so far."""

    def __init__(self, root, mountpoint):
        self.root = pathlib.Path(root)
        self.counter = pathlib.Path(mountpoint) / "count"

    def count(self):
        return int(self.counter.read_text())


class Slow:
    """What both have in common: the program, its delay, its place on the generator's core. A cold file needs
    `per_file` delayed operations; what many files share (directories, inodes) needs `shared` in all; it can do `limit`
    a second."""

    shared = 0

    def __init__(self, build, files, delay_ms, at_once):
        self.program = pathlib.Path(build) / "bench/uringd_slow_image"
        self.files, self.delay_ms, self.at_once = files, delay_ms, at_once
        self.limit = at_once * 1000 / delay_ms

    @contextlib.contextmanager
    def serving(self, mode, mountpoint, *more):
        command = [self.program, mode, mountpoint, self.delay_ms, self.at_once, *more]
        process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, start_new_session=True,
                                   stderr=subprocess.PIPE, text=True, preexec_fn=on_cpu(machine.cpus()[1]))
        try:
            deadline = time.monotonic() + 10
            while not os.path.exists(f"{mountpoint}/count"):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise Missing(f"a slow disk: uringd_slow_image did not mount: {process.stderr.read()[-300:]}"
                                  if process.poll() is not None else "a slow disk: nothing was mounted within 10 s")
                time.sleep(0.02)
            yield
        finally:
            with undisturbed():
                process.terminate()  # it unmounts
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
                    subprocess.run([find("umount"), "-l", str(mountpoint)], check=False, capture_output=True)


class Names(Slow):
    name, per_file = "names", 2
    what = "each look-up of a file and each open"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    @contextlib.contextmanager
    def mounted(self):
        with tempfile.TemporaryDirectory(prefix="uringd-bench-") as mountpoint:
            os.chmod(mountpoint, 0o755)
            with self.serving("names", mountpoint, self.files, tree.SIZE):
                yield Disk(mountpoint, mountpoint)


class Image(Slow):
    name, per_file = "disk", 1
    what = "each read of the disk"

    def __enter__(self):
        """Builds the image and attaches it; `mounted` mounts it."""
        if os.geteuid() != 0:
            raise Missing("a slow disk: mounting an image needs root")
        for tool, package in (("mkfs.ext4", "e2fsprogs"), ("losetup", "mount"), ("mount", "mount")):
            if not find(tool):
                raise Missing(f"a slow disk: {tool} is missing (Debian package {package})")
        size = self.files * 8192 * 11 // 10 + (64 << 20)
        memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
        if shutil.disk_usage(memory or tempfile.gettempdir()).free < size + (64 << 20):
            raise Missing(f"a slow disk: {size >> 20} MiB do not fit into {memory or 'the temporary directory'}")
        with contextlib.ExitStack() as stack:
            held = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="uringd-bench-", dir=memory)))
            self.directory = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="uringd-bench-")))
            os.chmod(self.directory, 0o755)
            for name in ("fuse", "root"):
                (self.directory / name).mkdir()
            self.build(held / "image", size)
            stack.enter_context(self.serving("image", self.directory / "fuse", held / "image"))
            self.device = stack.enter_context(attached(self.directory / "fuse/image"))
            self.shared = self.look_at_all()
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        with undisturbed():
            self.stack.close()

    def build(self, image, size):
        with open(image, "wb") as file:
            file.truncate(size)
        call(find("mkfs.ext4"), "-q", "-m", "0", "-I", "256", "-N", self.files + 1000, "-O", "^has_journal",
             "-E", "nodiscard,lazy_itable_init=0", image)
        with on_mount(self.directory / "root", "-o", "loop,noatime", image):
            tree.make(self.directory / "root", self.files)

    def look_at_all(self):
        """How many operations it takes to look at each file without reading any."""
        def look(directory):
            for number in range(directory, self.files, tree.DIRECTORIES):
                os.stat(f"{disk.root}{tree.path_of(number)}")

        with self.mounted() as disk, concurrent.futures.ThreadPoolExecutor(self.at_once) as pool:
            before = disk.count()
            list(pool.map(look, range(tree.DIRECTORIES)))
            return disk.count() - before

    @contextlib.contextmanager
    def mounted(self):
        with on_mount(self.directory / "root", "-t", "ext4", "-o", "ro,noatime", self.device):
            yield Disk(self.directory / "root", self.directory / "fuse")


@contextlib.contextmanager
def attached(image):
    device = call(find("losetup"), "--find", "--show", "--read-only", "--direct-io=on", image)
    try:
        yield device
    finally:
        with undisturbed():
            subprocess.run([find("losetup"), "-d", device], check=False, capture_output=True)
            wait_until(lambda: not os.path.exists(f"/sys/block/{pathlib.Path(device).name}/loop/backing_file"))


@contextlib.contextmanager
def on_mount(mountpoint, *how):
    call(find("mount"), *how, mountpoint)
    try:
        yield
    finally:
        unmount = [find("umount"), str(mountpoint)]
        with undisturbed():
            if not wait_until(lambda: subprocess.run(unmount, check=False, capture_output=True).returncode == 0):
                print(f"  {mountpoint} stayed busy for {UNMOUNT_SECONDS} s; unmounted lazily")
                subprocess.run([*unmount, "-l"], check=False, capture_output=True)


def wait_until(happened):
    deadline = time.monotonic() + UNMOUNT_SECONDS
    while time.monotonic() < deadline:
        if happened():
            return True
        time.sleep(0.1)
    return False
