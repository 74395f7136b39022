"""Instructions for a message, counted by callgrind: figures that no other program's doing touches."""

import dataclasses
import re
import subprocess

from .load import Figure, Load
from .programs import Failure, need

GROUP = 60  # messages: benches/load/pace.rs; a key frame is larger, so whole groups are compared
PLAYERS = 1000  # benches/work/main.rs
PATIENCE = 300  # seconds


@dataclasses.dataclass
class Instructions(Load):
    """Runs of benches/work with one group of messages and with more: what the others take, cancels out."""

    is_steady = True
    figures = (
        Figure("parse", "assemble chunks"),
        Figure("ingest", "from bytes to a shared frame"),
        Figure("fanout", "fan-out to 1000 players, per player"),
        Figure("record", "record FLV"),
        Figure("hls", "write HLS (MPEG-TS)"),
    )

    def measure(self, lab, contender):
        groups = 1 if lab.is_quick else 4
        counts = {figure.key: per_message(lab, figure.key, groups) for figure in self.figures}
        above = {job: counts[job] - counts["ingest"] for job in ("fanout", "record", "hls")}
        return counts | above | {"fanout": above["fanout"] / PLAYERS}


def per_message(lab, job, groups):
    short, long = (count(lab, job, messages) for messages in (GROUP, GROUP * (1 + groups)))
    return (long - short) / (GROUP * groups)


def count(lab, job, messages):
    """Instructions of a whole run."""
    command = [
        need("valgrind"), "--tool=callgrind", "--callgrind-out-file=/dev/null",
        str(lab.programs["work"]), job, str(messages)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    found = re.search(r"Collected : (\d+)", result.stderr)
    if result.returncode or not found:
        raise Failure(f"{' '.join(command)}: {result.stderr[-400:]}")
    return int(found[1])
