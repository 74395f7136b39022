"""Instructions per message, counted by callgrind: these figures do not depend on other programs."""

import dataclasses
import re
import subprocess

from .load import Figure, Load
from .programs import Failure, need

GROUP = 60  # messages: benches/load/pace.rs; a key frame is larger, so complete GOPs are compared
PLAYERS = 1000  # benches/work/main.rs
FANOUTS = ("fanout", "flv", "websocket")
PATIENCE = 300  # seconds


@dataclasses.dataclass
class Instructions(Load):
    """Runs benches/work with one GOP and with several; the difference gives the instructions per message."""

    is_steady = True
    figures = (
        Figure("parse", "assemble chunks"),
        Figure("ingest", "from bytes to a shared frame"),
        Figure("fanout", "fan-out to 1000 players, per player"),
        Figure("flv", "the same over HTTP-FLV"),
        Figure("websocket", "the same over WebSocket-FLV"),
        Figure("record", "record FLV"),
        Figure("hls", "write HLS (MPEG-TS)"),
    )

    def measure(self, lab, contender):
        groups = 1 if lab.is_quick else 4
        counts = {figure.key: per_message(lab, figure.key, groups) for figure in self.figures}
        above = {job: counts[job] - counts["ingest"] for job in (*FANOUTS, "record", "hls")}
        return counts | above | {job: above[job] / PLAYERS for job in FANOUTS}


def per_message(lab, job, groups):
    short, long = (count(lab, job, messages) for messages in (GROUP, GROUP * (1 + groups)))
    return (long - short) / (GROUP * groups)


def count(lab, job, messages):
    """The instructions of a complete run."""
    command = [
        need("valgrind"), "--tool=callgrind", "--callgrind-out-file=/dev/null",
        str(lab.programs["work"]), job, str(messages)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    found = re.search(r"Collected : (\d+)", result.stderr)
    if result.returncode or not found:
        raise Failure(f"{' '.join(command)}: {result.stderr[-400:]}")
    return int(found[1])
