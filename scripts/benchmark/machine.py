"""The machine: which processor is whose, how many files may be open, what to call it."""

import contextlib
import os
import pathlib
import platform
import resource

FILES = 40_000  # open files for 10 000 players on either side of a connection
FIRST = -15  # niceness: before what else runs, as a server that must wait for its turn drops frames
SECOND = -5  # behind that, but before what else runs: attacks share the load's processor
YIELDING = 5  # after what else runs, without being starved


class Place:
    """Where a process runs: on which processors, and before or after others as far as that is allowed."""

    def __init__(self, processors, niceness):
        self.processors, self.niceness = processors, niceness

    def take(self):
        """Puts the calling process there."""
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
    """The same processors, when who has that place does not want them."""
    return Place(place.processors, max(place.niceness, SECOND))


def allow_files():
    """Raises the limit of open files as far as it goes; returns it."""
    limit, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (max(FILES, hard), hard):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
            return wanted
        except (ValueError, PermissionError):
            continue  # only root may go over the hard limit
    return limit


def children(pid):
    return pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def describe():
    """The machine in one line."""
    model = "processor unknown"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return f"{model}, {len(os.sched_getaffinity(0))} cores, Linux {platform.release()}"
