"""Work that is done in a network of its own, with another congestion control, by a child of this process."""
import ctypes
import os
import pickle
import signal
import subprocess
import sys
import traceback

from load import machine
from load.servers import Failed, Missing, undisturbed


def control_of(options):
    """What connections use here."""
    return "cubic" if options.cubic else machine.read("/proc/sys/net/ipv4/tcp_congestion_control").strip()


def other_control(options):
    """The one to compare with, or None: cubic paces nothing, bbr is what large servers of downloads often use."""
    if options.cubic:
        return None
    if control_of(options) != "cubic":
        return "cubic"
    known = machine.read("/proc/sys/net/ipv4/tcp_available_congestion_control").split()
    return "bbr" if "bbr" in known else None


def under(control, work):
    """What `work()` returns (or raises, of Failed and Missing), done in a network namespace with that congestion
    control. A namespace belongs to a process, and this one must stay in its own."""
    sys.stdout.flush()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        be_child(writer, control, work)
    os.close(writer)
    said = b""
    try:
        with open(reader, "rb") as pipe:
            said = pipe.read()
    finally:
        with undisturbed():  # the child cleans up
            if not said:
                os.kill(child, signal.SIGTERM)  # not waited for yet, so the number is still its own
            os.waitpid(child, 0)
    if not said:
        raise Failed(f"under {control}: it ended without a word")
    outcome, value = pickle.loads(said)
    if outcome is not None:
        raise outcome(value)
    return value


def be_child(writer, control, work):
    """Does the work and ends the process: none of the endings that its parent has open may run twice."""
    status = 1
    try:
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG; the driver's own handler ends the servers
        said = pickle.dumps(outcome_of(control, work))
        sys.stdout.flush()
        with open(writer, "wb") as pipe:
            pipe.write(said)
        status = 0
    except (KeyboardInterrupt, SystemExit):
        pass
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def outcome_of(control, work):
    """(None, what came of it) or (the kind of failure, its text)"""
    try:
        try:
            machine.own_network(control)
        except (OSError, subprocess.SubprocessError) as error:
            raise Missing(f"{control} needs root and ip (Debian package iproute2): {error}") from None
        return None, work()
    except Missing as missing:
        return Missing, str(missing)
    except Failed as failed:
        return Failed, str(failed)
