"""Processor time that a virtual machine loses to others (steal). Then nothing plays in real time or can be measured."""

import pathlib
import time

MUCH = 0.05  # of the processor time lost to other machines; the machine may then have stood still for whole seconds


class Clock:
    """The share of processor time that was stolen from one call to the next (proc_stat(5))."""

    def __init__(self):
        self.before = _ticks()

    def share(self):
        now = _ticks()
        (stolen, passed), self.before = (new - old for new, old in zip(now, self.before)), now
        return stolen / max(passed, 1)


def note(share):
    """A remark for a line of output, if much was stolen."""
    return f", {share:.0%} of the processor time lost to other machines" if share > MUCH else ""


def wait_for_calm(seconds):
    """Waits until little is stolen, at most so many seconds."""
    end, clock = time.monotonic() + seconds, Clock()
    while time.monotonic() < end:
        time.sleep(5)
        if clock.share() < MUCH:
            return


def _ticks():
    """Stolen ticks, and all ticks: user, nice, system, idle, iowait, irq, softirq, steal."""
    ticks = [int(word) for word in pathlib.Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
    return ticks[7], sum(ticks)
