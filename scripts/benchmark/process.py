"""Times and memory of processes, from the kernel; and the load of an idle server."""

import dataclasses
import pathlib
import re
import time as clock

from .load import Figure, Load

NGINX_MODULE = pathlib.Path("/usr/lib/nginx/modules/ngx_rtmp_module.so")  # Debian's


def time(pids):
    """The seconds that all threads have run."""
    threads = [thread for pid in pids for thread in pathlib.Path(f"/proc/{pid}/task").iterdir()]
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


def memory(pids, measure):
    """The bytes of all processes together, by a field of smaps_rollup (Rss, Pss)."""
    sums = [pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids]
    return sum(int(re.search(rf"^{measure}:\s*(\d+) kB", text, re.MULTILINE)[1]) for text in sums) * 1024


def switches(pids):
    """How often all threads have been scheduled."""
    statuses = [
        (thread / "status").read_text()
        for pid in pids for thread in pathlib.Path(f"/proc/{pid}/task").iterdir()]
    return sum(int(count) for status in statuses for count in re.findall(r"ctxt_switches:\s*(\d+)", status))


@dataclasses.dataclass
class Idle(Load):
    """A server that has just been started and has no clients."""

    figures = (
        Figure("resident", "resident", "MB"),
        Figure("proportional", "proportional set size", "MB"),
        Figure("wakeups", "wake-ups per second"),
        Figure("processes", "processes"),
    )
    SETTLES = 1  # second
    CONNECTIONS = 1024  # of nginx's, about as Debian has it

    def measure(self, lab, contender):
        with lab.servers.start(contender, connections=self.CONNECTIONS) as server:
            clock.sleep(self.SETTLES)
            pids, before = server.pids(), switches(server.pids())
            clock.sleep(lab.generator.seconds)
            return {
                "resident": memory(pids, "Rss") / 1e6,
                "proportional": memory(pids, "Pss") / 1e6,
                "wakeups": (switches(pids) - before) / lab.generator.seconds,
                "processes": len(pids),
            }
