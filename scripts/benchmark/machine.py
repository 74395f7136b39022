"""The machine: which processor is whose, how many files may be open, what to call it."""

import os
import pathlib
import platform
import resource

FILES = 40_000  # open files for 10 000 players on either side of a connection


class Pins:
    """One processor for the server, another for the load; without a second one they share."""

    def __init__(self):
        processors = sorted(os.sched_getaffinity(0))
        self.load, self.server = {processors[0]}, {processors[-1]}


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
