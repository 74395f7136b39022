"""What other machines take from a virtual one: nothing can play in real time, or be measured, while it stands still."""

import pathlib
import time

MUCH = 0.05  # of the processors' time, lost to other machines: some moments in it were whole seconds


class Clock:
    """The share of the processors' time that was wanted and not had, from one look to the next (proc_stat(5))."""

    def __init__(self):
        self.before = _ticks()

    def share(self):
        now = _ticks()
        (stolen, passed), self.before = (new - old for new, old in zip(now, self.before)), now
        return stolen / max(passed, 1)


def note(share):
    """In words, behind what was done meanwhile, if it is worth them."""
    return f", {share:.0%} of the processors lost to other machines" if share > MUCH else ""


def wait_for_calm(seconds):
    """Until little is stolen, for so long at most."""
    end, clock = time.monotonic() + seconds, Clock()
    while time.monotonic() < end:
        time.sleep(5)
        if clock.share() < MUCH:
            return


def _ticks():
    """Stolen, and all: user, nice, system, idle, iowait, irq, softirq, steal."""
    ticks = [int(word) for word in pathlib.Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
    return ticks[7], sum(ticks)
