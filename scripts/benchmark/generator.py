"""Runs the load generator (benches/load) against a server, on another processor core."""

import json
import subprocess

from .programs import Failure

PATIENCE = 120  # seconds in addition to the measurement


class Generator:
    """The generator, the seconds that it measures, and its default options."""

    def __init__(self, program, place, seconds, defaults):
        self.program, self.place, self.seconds, self.defaults = program, place, seconds, defaults

    def drive(self, server, **options):
        """Runs the load; returns the report. Options are those of the generator, with _ in place of -."""
        result = subprocess.run(
            self.command(server, options), capture_output=True, text=True, timeout=PATIENCE + self.seconds,
            preexec_fn=self.place.take)
        return report(result.returncode, result.stdout, result.stderr)

    def drive_beside(self, server, act, **options):
        """The same, but measures first without and then during an action."""
        process = subprocess.Popen(
            self.command(server, options | {"until_told": True}), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, preexec_fn=self.place.take)
        try:
            if process.stdout.readline():
                act()
            output, errors = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
            process.wait()
        return report(process.returncode, output, errors)

    def command(self, server, options):
        command = [str(self.program)]
        for name, value in ({"measure": int(self.seconds * 1000)} | self.defaults | options).items():
            flag = "--" + name.replace("_", "-")
            command += [flag] if value is True else [flag, str(value)]
        for pid in server.pids():
            command += ["--server", pid]
        return [*command, server.rtmps if "authority" in options else server.rtmp]


def report(code, output, errors):
    """The report that the generator prints at its end."""
    if not output:
        raise Failure(errors.strip() or f"the load ends with {code}")
    said = json.loads(output)
    if said["faults"]:
        raise Failure("; ".join(said["faults"][:3]))
    return said
