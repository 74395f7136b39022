"""Runs the generator of benches/load against a server, on the processor that is not the server's."""

import json
import subprocess

from .programs import Failure

PATIENCE = 120  # seconds beside the measurement


class Generator:
    """The generator, for how many seconds it measures, and its options where nothing else is said."""

    def __init__(self, program, place, seconds, defaults):
        self.program, self.place, self.seconds, self.defaults = program, place, seconds, defaults

    def drive(self, server, **options):
        """Puts a load on a server; returns the report. Options are the generator's, with _ for -."""
        command = [str(self.program), "--measure", str(int(self.seconds * 1000))]
        for name, value in (self.defaults | options).items():
            flag = "--" + name.replace("_", "-")
            command += [flag] if value is True else [flag, str(value)]
        for pid in server.pids():
            command += ["--server", pid]
        result = subprocess.run(
            [*command, server.rtmp], capture_output=True, text=True, timeout=PATIENCE + self.seconds,
            preexec_fn=self.place.take)
        if not result.stdout:
            raise Failure(result.stderr.strip() or f"the load ends with {result.returncode}")
        report = json.loads(result.stdout)
        if report["faults"]:
            raise Failure("; ".join(report["faults"][:3]))
        return report
