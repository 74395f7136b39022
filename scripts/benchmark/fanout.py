"""The RTMP loads: fan-out, ingest, players that burden the server, and memory."""

import dataclasses

from .load import FLOOR, NGINX, MILLSTREAM, Figure, Load

AUDIO = 128_000  # bits per second, if a load has audio
PROBES = 20  # players that compare every byte
BURDEN = "processor of the load"

COSTS = (
    Figure("cpu_per_gb", "CPU time per GB sent", "s"),
    Figure("both_per_gb", "the same, with that of the load", "s"),
    Figure("cpu_per_message", "CPU time per message sent", "us"),
    Figure("latency_p50", "median latency", "ms"),
    Figure("latency_p99", "99th percentile latency", "ms"),
    Figure("generator", BURDEN, "%"),
)


def costs(report, players):
    """The figures of a fan-out; messages are those of one stream.

    If a server leaves Nagle's algorithm on, as nginx-rtmp does, the kernel sends the rest of each frame when an
    acknowledgement comes. On loopback that is time of the load, on a network it would be time of the server's machine.
    """
    figures = {
        "cpu_per_gb": report["server_time"] / report["received_bytes"] * 1e9,
        "both_per_gb": (report["server_time"] + report["own_time"]) / report["received_bytes"] * 1e9,
        "cpu_per_message": report["server_time"] / (report["published_messages"] * players) * 1e6,
        "generator": generator(report),
    }
    if report["probe_messages"]:
        figures |= {key: report[key] * 1e3 for key in ("latency_p50", "latency_p99")}
    return figures


def generator(report):
    return report["own_time"] / report["seconds"] * 100


@dataclasses.dataclass
class FanOut(Load):
    """Video streams, and players of each."""

    streams: int = 1
    players: int = 1
    video: int = 2_000_000
    merge: int = 1  # frames that the floor sends at once
    directives: str = ""  # for Millstream
    others: dict = dataclasses.field(default_factory=dict)  # further options of the generator
    takes_peers = True
    figures = COSTS

    def measure(self, lab, contender):
        streams, players = lab.scale(self.streams), lab.scale(self.players)
        if contender == FLOOR:
            with lab.servers.floor(players, self.video, self.merge) as server:
                report = lab.generator.drive(
                    server, raw=True, players=players, probes=min(PROBES, players), video=self.video)
            return costs(report, players)
        with lab.servers.start(contender, self.directives if contender == MILLSTREAM else "") as server:
            report = lab.generator.drive(
                server, streams=streams, players=players, probes=min(PROBES, streams * players), video=self.video,
                **{name: lab.scale(count) for name, count in self.others.items()})
        return costs(report, players)


@dataclasses.dataclass
class Burdened(FanOut):
    """A fan-out with other players that wait in vain, read slowly, or join and leave. Its own players lose no frame."""

    takes_peers = False
    figures = (Figure("burden", "other players"), *COSTS)

    def measure(self, lab, contender):
        figures = super().measure(lab, contender)
        return figures | {"burden": sum(map(lab.scale, self.others.values()))}


@dataclasses.dataclass
class Ingest(Load):
    """Publishers without players."""

    streams: int = 1
    takes_peers = True
    figures = (Figure("cpu", "CPU of one core", "%"), Figure("generator", BURDEN, "%"))

    def measure(self, lab, contender):
        with lab.servers.start(contender) as server:
            report = lab.generator.drive(server, streams=lab.scale(self.streams), audio=AUDIO)
        return {"cpu": report["server_time"] / report["seconds"] * 100, "generator": generator(report)}


@dataclasses.dataclass
class Memory(Load):
    """The memory for one more player, and for one more publisher."""

    streams: int = 1
    players: int = 1
    is_steady = True
    figures = (
        Figure("player", "memory per player", "kB"),
        Figure("publisher", "memory per publisher, without its GOP", "kB"),
    )

    def measure(self, lab, contender):
        players, streams = lab.scale(self.players), lab.scale(self.streams)
        with lab.servers.start(contender) as server:
            played = lab.generator.drive(server, players=players, probes=min(PROBES, players), audio=AUDIO)
        with lab.servers.start(contender, "" if contender == NGINX else "gop_cache off;") as server:
            published = lab.generator.drive(server, streams=streams, audio=AUDIO)
        return {
            "player": (played["memory_played"] - played["memory_published"]) / players / 1e3,
            "publisher": (published["memory_published"] - published["memory_alone"]) / streams / 1e3,
        }
