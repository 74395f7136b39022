"""Runs benches/attack against a server, on the load's processor core but with a lower priority than the load."""

import contextlib
import json
import subprocess

from .programs import Failure

LIMIT = 60  # seconds after which an attack is stopped
PATIENCE = LIMIT + 30


class Attacker:
    """The attacking program, and where it runs."""

    def __init__(self, program, place):
        self.program, self.place = program, place

    @contextlib.contextmanager
    def prepared(self, server, attack, **options):
        """Starts the program, which prepares its attack and waits for its start."""
        command = [str(self.program), f"--limit={LIMIT}", *(f"--{name}={value}" for name, value in options.items())]
        addresses = (server.rtmps, server.https) if "authority" in options else (server.rtmp, server.http)
        process = subprocess.Popen(
            [*command, attack, *addresses], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, preexec_fn=self.place.take)
        try:
            if not process.stdout.readline():
                raise Failure(process.stderr.read().strip())
            yield Prepared(process)
        finally:
            process.kill()
            process.communicate()


class Prepared:
    """An attack that is ready to begin."""

    def __init__(self, process):
        self.process = process

    def begin(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def end(self):
        """Waits for the end; returns the report of the attack."""
        output, errors = self.process.communicate(timeout=PATIENCE)
        if not output:
            raise Failure(errors.strip() or f"the attack ends with {self.process.returncode}")
        return json.loads(output)
