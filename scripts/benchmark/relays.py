"""The loads of relays: what a push costs beside a player, and a pull beside a publisher, and what `ffmpeg -c copy`
costs in the place of either."""

import contextlib
import dataclasses
import re
import subprocess
import time
import urllib.request

from .fanout import AUDIO, BURDEN, generator
from .load import MILLSTREAM, Figure, Goal, Load
from .programs import Failure, need
from .servers import Extras, Servers

METRICS = Extras(locations="location = /metrics {{ metrics on; }}")
RUNNING = re.compile(r'^millstream_relays\{[^}]*state="running"[^}]*\} (\d+)', re.MULTILINE)
SETTLES = 8000  # milliseconds: ffmpeg looks at a stream for some seconds before it copies
PATIENCE = 10  # seconds for an answer
MERGE = "merge_write 350ms;"  # for who needs no low latency


@dataclasses.dataclass
class Measured:
    """Where the load publishes and plays, and the processes whose time is measured."""

    rtmp: str
    processes: list

    def pids(self):
        return self.processes


@dataclasses.dataclass
class Relays(Load):
    """Publishers whose streams go to another server, or come from it, which has the processor core of the load."""

    contenders: tuple = (MILLSTREAM,)
    streams: int = 1

    @contextlib.contextmanager
    def other(self, lab):
        """The other end of the relays."""
        place, files = lab.generator.place, lab.servers.files
        with Servers(lab.programs, place, files, {}, False) as servers, servers.start(MILLSTREAM) as server:
            yield server

    def server(self, lab, directives=""):
        return lab.servers.start_new(MILLSTREAM, directives, None, METRICS)

    def names(self, lab):
        """The names that the load gives to its streams."""
        return [f"s{stream}" for stream in range(lab.scale(self.streams))]

    def drive(self, lab, rtmp, pids, check=lambda: None, **options):
        """The report of publishers on a server, while these processes are measured."""

        def act():
            check()
            time.sleep(lab.generator.seconds)

        # A part of the measurement is its base, and not used here.
        options = {"measure": 100, "streams": lab.scale(self.streams), "audio": AUDIO} | options
        if not lab.is_quick:
            options["warm_up"] = SETTLES
        return lab.generator.drive_beside(Measured(rtmp, pids), act, **options)

    def relays_run(self, lab, server):
        """Fails unless all relays run."""
        with urllib.request.urlopen(f"http://{server.http}/metrics", timeout=PATIENCE) as answer:
            running = sum(map(int, RUNNING.findall(answer.read().decode())))
        if running != lab.scale(self.streams):
            raise Failure(f"{running} of {lab.scale(self.streams)} relays run")

    @contextlib.contextmanager
    def copies(self, lab, source, sink):
        """An ffmpeg for each stream, on the processor core of the server."""
        programs = [
            subprocess.Popen(
                [need("ffmpeg"), "-v", "error", "-nostdin", "-i", f"rtmp://{source}/live/{name}", "-c", "copy",
                 "-f", "flv", f"rtmp://{sink}/live/{name}"],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                preexec_fn=lab.servers.place.take)
            for name in self.names(lab)
        ]
        try:
            yield programs
        finally:
            for program in programs:
                program.kill()
                program.wait()

    def copied(self, lab, measured, source, sink):
        """The processor time of a server, and of an ffmpeg for each stream."""

        def all_run():
            if any(program.poll() is not None for program in programs):
                raise Failure("an ffmpeg has ended")

        with self.copies(lab, source, sink) as programs:
            pids = [*measured.pids(), *(str(program.pid) for program in programs)]
            return cpu(self.drive(lab, source, pids, all_run))


@dataclasses.dataclass
class Pushes(Relays):
    """Each stream is pushed to the other server."""

    figures = (
        Figure("push", "CPU of one core for the pushes", "%"),
        Figure("merged", "the same with merge_write 350ms", "%"),
        Figure("player", "for as many players", "%"),
        Figure("ffmpeg", "for as many ffmpeg -c copy, which play", "%"),
        Figure("ingest", "for the publishers alone", "%"),
        Figure("per_player", "a push, relative to a player"),
        Figure("per_ffmpeg", "a push, relative to an ffmpeg"),
        Figure("merged_per_ffmpeg", "a push with merge_write, relative to an ffmpeg"),
        Figure("generator", BURDEN, "%"),
    )

    def measure(self, lab, _):
        with self.server(lab) as server:
            ingest = cpu(self.drive(lab, server.rtmp, server.pids()))
        with self.server(lab) as server:
            # Probes are woken for each message, as the other server is: the kernel does that in the server's time.
            player = cpu(self.drive(lab, server.rtmp, server.pids(), players=1, probes=lab.scale(self.streams))) - ingest
        with self.other(lab) as other:
            line = f"push rtmp://{other.rtmp}/live;"
            report, merged = (self.pushed(lab, directives) for directives in (line, f"{line} {MERGE}"))
            with self.server(lab) as server:
                ffmpeg = self.copied(lab, server, server.rtmp, other.rtmp) - ingest
        push, merged = cpu(report) - ingest, cpu(merged) - ingest
        return {
            "push": push, "merged": merged, "player": player, "ffmpeg": ffmpeg, "ingest": ingest,
            "per_player": ratio(push, player), "per_ffmpeg": ratio(push, ffmpeg),
            "merged_per_ffmpeg": ratio(merged, ffmpeg),
            "generator": generator(report),
        }

    def pushed(self, lab, directives):
        with self.server(lab, directives) as server:
            return self.drive(lab, server.rtmp, server.pids(), lambda: self.relays_run(lab, server))


@dataclasses.dataclass
class Pulls(Relays):
    """Each stream is published to the other server, and pulled from it."""

    figures = (
        Figure("pull", "CPU of one core for the pulls", "%"),
        Figure("publisher", "for as many publishers", "%"),
        Figure("ffmpeg", "for as many ffmpeg -c copy, which publish", "%"),
        Figure("per_publisher", "a pull, relative to a publisher"),
        Figure("per_ffmpeg", "a pull, relative to an ffmpeg with its publish"),
        Figure("generator", BURDEN, "%"),
    )

    def measure(self, lab, _):
        with self.server(lab) as server:
            publisher = cpu(self.drive(lab, server.rtmp, server.pids()))
        with self.other(lab) as other:
            lines = " ".join(f"pull rtmp://{other.rtmp}/live name={name} static;" for name in self.names(lab))
            with self.server(lab, lines) as server:
                report = self.drive(lab, other.rtmp, server.pids(), lambda: self.relays_run(lab, server))
            with self.server(lab) as server:
                ffmpeg = self.copied(lab, server, other.rtmp, server.rtmp)
        pull = cpu(report)
        return {
            "pull": pull, "publisher": publisher, "ffmpeg": ffmpeg, "per_publisher": ratio(pull, publisher),
            "per_ffmpeg": ratio(pull, ffmpeg), "generator": generator(report),
        }


def cpu(report):
    return report["server_time"] / report["seconds"] * 100


def ratio(ours, theirs):
    """The ratio; of what is too little to be measured, with --quick, it means nothing."""
    return ours / max(theirs, 0.01)


RELAYS = {
    "relay-push": Pushes(
        "20 publishers of 2 Mbit/s and audio, each pushed to another server",
        [Goal("per_player", most=1.1), Goal("per_ffmpeg", most=0.1)], streams=20),
    "relay-pull": Pulls(
        "20 streams of 2 Mbit/s and audio, pulled from another server",
        [Goal("per_publisher", most=1.1), Goal("per_ffmpeg", most=0.1)], streams=20),
}
