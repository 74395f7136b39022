"""The machine: who runs on which processor core, the limit of open files, and its description."""

import contextlib
import os
import pathlib
import platform
import resource

FILES = 40_000  # open files for 10 000 players on either side of a connection
FIRST = -15  # niceness: before other programs, because a server that has to wait drops frames
SECOND = -5  # after that, but before other programs: attacks share the load's processor core
YIELDING = 5  # after other programs, but still with enough processor time


class Place:
    """Where a process runs: its processor cores, and its priority as far as that is allowed."""

    def __init__(self, processors, niceness):
        self.processors, self.niceness = processors, niceness

    def take(self):
        """Moves the calling process to this place."""
        os.sched_setaffinity(0, self.processors)
        os.setsid()
        # sched(7): where processes are grouped by session, niceness is the session's.
        with contextlib.suppress(OSError):
            pathlib.Path("/proc/self/autogroup").write_text(str(self.niceness))
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, self.niceness)


def places(quick):
    """The server's processor and the load's; without a second one they share. If quick, they run wherever others
    leave them time: those may be clients that play in real time."""
    processors = sorted(os.sched_getaffinity(0))
    if quick:
        return [Place(processors, YIELDING)] * 2
    return Place(processors[-1:], FIRST), Place(processors[:1], FIRST)


def behind(place):
    """The same processor cores, with a lower priority."""
    return Place(place.processors, max(place.niceness, SECOND))


def allow_files():
    """Raises the limit of open files as far as possible; returns it."""
    limit, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (max(FILES, hard), hard):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
            return wanted
        except (ValueError, PermissionError):
            continue  # only root may exceed the hard limit
    return limit


def children(pid):
    return pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def describe():
    """A description of the machine in one line."""
    model = "processor unknown"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return f"{model}, {len(os.sched_getaffinity(0))} cores, Linux {platform.release()}"
