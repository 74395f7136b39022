"""The machine: which processor is whose, how many files may be open, what to call it."""

import contextlib
import os
import pathlib
import platform
import resource

FILES = 40_000  # open files for 10 000 players on either side of a connection
PRIORITY = -15  # before what else runs: a server that must wait for its turn drops frames
SECOND = -5  # behind that, but before what else runs: attacks share the load's processor


class Place:
    """Where a process runs: on one processor, before others as far as that is allowed."""

    def __init__(self, processor, priority=PRIORITY):
        self.processor, self.priority = processor, priority

    def take(self):
        """Puts the calling process there."""
        os.sched_setaffinity(0, {self.processor})
        os.setsid()
        # sched(7): where processes are grouped by session, niceness is the session's.
        with contextlib.suppress(OSError):
            pathlib.Path("/proc/self/autogroup").write_text(str(self.priority))
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, self.priority)


def places():
    """The server's processor and the load's; without a second one they share."""
    processors = sorted(os.sched_getaffinity(0))
    return Place(processors[-1]), Place(processors[0])


def behind(place):
    """The same processor, when who has that place does not want it."""
    return Place(place.processor, SECOND)


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
