"""The load of statistics: tools that ask for them each second, beside streams and players."""

import dataclasses
import json
import pathlib
import subprocess
import sys
import time

from . import process
from .fanout import PROBES, FanOut
from .load import Figure
from .programs import Failure
from .servers import Extras

PROGRAM = pathlib.Path(__file__).with_name("polls.py")
LOCATION = "location /stat {{ rtmp_stat all; }}"
TOOLS = 5


@dataclasses.dataclass
class Polled(FanOut):
    """What five tools cost that ask for all clients in XML each second: the server's time with them, less that without."""

    takes_peers = False
    figures = (
        Figure("cpu", "CPU of one core for five tools", "%"),
        Figure("answer", "CPU time per answer", "ms"),
        Figure("slowest", "slowest answer", "ms"),
        Figure("size", "one answer", "kB"),
        Figure("base_max", "maximum delay of a frame before", "ms"),
        Figure("latency_max", "maximum delay of a frame", "ms"),
    )

    def measure(self, lab, contender):
        streams, players, said = lab.scale(self.streams), lab.scale(self.players), {}
        with lab.servers.folder() as folder, \
                lab.servers.run(contender, folder, extras=Extras(locations=LOCATION)) as server:
            report = lab.generator.drive_beside(
                server, lambda: said.update(self.ask(lab, server)), streams=streams, players=players,
                probes=min(PROBES, streams * players), video=self.video)
        return said | {key: report[key] * 1e3 for key in ("base_max", "latency_max")}

    def ask(self, lab, server):
        """The server's time without tools, and then with them."""
        seconds, pids = max(1.0, lab.generator.seconds), server.pids()
        before = process.time(pids)
        time.sleep(seconds)
        plain = process.time(pids) - before
        command = [sys.executable, str(PROGRAM), server.http, "/stat", f"--tools={TOOLS}", f"--seconds={seconds}"]
        begun, before = time.monotonic(), process.time(pids)
        tools = subprocess.run(command, capture_output=True, text=True, preexec_fn=lab.generator.place.take)
        took, spent = time.monotonic() - begun, process.time(pids) - before
        if tools.returncode:
            raise Failure(tools.stderr.strip()[-400:] or f"the tools end with {tools.returncode}")
        said = json.loads(tools.stdout)
        more = spent - plain / seconds * took
        return {
            "cpu": more / took * 100, "answer": more / said["answers"] * 1e3,
            "slowest": said["slowest"] * 1e3, "size": said["bytes"] / 1e3,
        }
