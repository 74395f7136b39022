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
        result = subprocess.run(
            self.command(server, options), capture_output=True, text=True, timeout=PATIENCE + self.seconds,
            preexec_fn=self.place.take)
        return report(result.returncode, result.stdout, result.stderr)

    def drive_beside(self, server, act, **options):
        """The same, measured once, and then again while something is done."""
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
        return [*command, server.rtmp]


def report(code, output, errors):
    """What the generator says at its end."""
    if not output:
        raise Failure(errors.strip() or f"the load ends with {code}")
    said = json.loads(output)
    if said["faults"]:
        raise Failure("; ".join(said["faults"][:3]))
    return said
