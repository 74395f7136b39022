"""The load of callbacks: publishers that come and go while a backend is asked about each, and told of its end."""

import dataclasses
import json
import pathlib
import subprocess
import sys

from . import process
from .load import Figure, Load
from .programs import Failure

PROGRAM = pathlib.Path(__file__).with_name("visits.py")
CALLS = "on_publish http://127.0.0.1:{port}/publish; on_publish_done http://127.0.0.1:{port}/done;"
PATIENCE = 120  # seconds
RATE = 1000 / 60  # publishers per second: as many as come and go at a busy site
RUSH = 100  # the same where all encoders connect anew


@dataclasses.dataclass
class Callbacks(Load):
    """Publishers of some frames each: a thousand per minute; and in a rush, with a backend that keeps connections, with one
    that does not, and without."""

    publishers: int = 1
    figures = (
        Figure("cpu", "CPU time per publisher, 1000 per minute, asked and told", "us"),
        Figure("rush", "100 per second, asked and told", "us"),
        Figure("closing", "100 per second, the backend closes connections", "us"),
        Figure("plain", "100 per second, without callbacks", "us"),
        Figure("connections", "connections to the backend, 100 per second"),
        Figure("generator", "processor of the load", "%"),
    )

    def measure(self, lab, contender):
        asked = self.visit(lab, contender, RATE, "--called")
        rush, closing, plain = (
            self.visit(lab, contender, RUSH, *options) for options in (("--called",), ("--called", "--closes"), ()))
        return {
            "cpu": asked["cpu"], "rush": rush["cpu"], "closing": closing["cpu"], "plain": plain["cpu"],
            "connections": rush["connections"], "generator": rush["own_time"] / rush["seconds"] * 100,
        }

    def visit(self, lab, contender, rate, *options):
        """One run, with the server's microseconds for each publisher."""
        count = lab.scale(self.publishers)
        command = [sys.executable, str(PROGRAM), f"--count={count}", f"--rate={rate}", *options]
        visits = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            preexec_fn=lab.generator.place.take)
        try:
            port = visits.stdout.readline().strip()
            directives = CALLS.format(port=port) if options else ""
            with lab.servers.start(contender, directives) as server:
                before = process.time(server.pids())
                output, errors = visits.communicate(server.rtmp + "\n", PATIENCE)
                spent = process.time(server.pids()) - before
        finally:
            visits.kill()
            visits.wait()
        if visits.returncode:
            raise Failure(errors.strip()[-400:] or f"the load ends with {visits.returncode}")
        said = json.loads(output)
        expected = {"publish": count, "publish_done": count} if options else {}
        if said["calls"] != expected:
            raise Failure(f"the backend of {contender} got {said['calls']}, not {expected}")
        return said | {"cpu": spent / count * 1e6}
