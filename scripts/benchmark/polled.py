"""The load of statistics: tools that ask for them each second, beside streams and players."""

import contextlib
import dataclasses
import json
import pathlib
import statistics
import subprocess
import sys
import time

from . import process
from .fanout import PROBES, FanOut
from .load import Figure
from .programs import Failure
from .servers import Extras

PROGRAM = pathlib.Path(__file__).with_name("polls.py")
LOCATIONS = """
        location /stat {{ rtmp_stat all; }}
        location = /metrics {{ metrics on; }}
        location /views/ {{ api_views srs; }}
        location /millstream/ {{ millstream_api on; }}
"""
PAIRS = 3  # of a second without tools and one with them, for each second that a server is measured


@dataclasses.dataclass
class Polled(FanOut):
    """What five tools cost that ask each second. Seconds with and without them take turns, as the server's other work
    costs far more and varies; what they cost is the median of the differences."""

    takes_peers = False
    figures = (
        Figure("base", "CPU of one core without tools", "%"),
        Figure("cpu", "CPU of one core for five tools", "%"),
        Figure("answer", "CPU time per answer", "ms"),
        Figure("slowest", "slowest answer", "ms"),
        Figure("size", "all five answers", "kB"),
        Figure("base_max", "maximum delay of a frame before", "ms"),
        Figure("latency_max", "maximum delay of a frame", "ms"),
    )

    def measure(self, lab, contender):
        streams, players, said = lab.scale(self.streams), lab.scale(self.players), {}
        with lab.servers.folder() as folder, \
                lab.servers.run(contender, folder, extras=Extras(locations=LOCATIONS)) as server:
            report = lab.generator.drive_beside(
                server, lambda: said.update(compare(lab, server)), streams=streams, players=players,
                probes=min(PROBES, streams * players), video=self.video)
        return said | {key: report[key] * 1e3 for key in ("base_max", "latency_max")}


def compare(lab, server):
    """The figures of seconds with tools, by those without."""
    plain, more, seconds = [], [], []
    with tools(lab.generator.place, server.http) as ask:
        for _ in range(max(1, int(lab.generator.seconds * PAIRS))):
            plain.append(spent(server.pids(), lambda: time.sleep(1)))
            more.append(spent(server.pids(), lambda: seconds.append(ask())) - plain[-1])
    cost, answers = statistics.median(more), [answer for second in seconds for answer in second]
    return {
        "base": statistics.median(plain) * 100, "cpu": cost * 100, "answer": cost / len(seconds[0]) * 1e3,
        "slowest": max(took for took, _ in answers) * 1e3, "size": max(sum(size for _, size in each) for each in seconds) / 1e3,
    }


def spent(pids, act):
    """The server's processor time per second during an action."""
    begun, before = time.monotonic(), process.time(pids)
    act()
    return (process.time(pids) - before) / (time.monotonic() - begun)


@contextlib.contextmanager
def tools(place, address):
    """Runs the tools; the function has each of them ask once within a second, and returns their answers."""
    command = [sys.executable, str(PROGRAM), address]
    program = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=place.take)

    def ask():
        with contextlib.suppress(BrokenPipeError):
            program.stdin.write("\n")
            program.stdin.flush()
        if line := program.stdout.readline():
            return json.loads(line)
        raise Failure(program.communicate()[1].strip()[-400:] or "the tools have ended")

    try:
        yield ask
    finally:
        program.kill()
        program.communicate()
