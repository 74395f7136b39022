"""The loads of HTTP-FLV and WebSocket-FLV, beside players of RTMP of the same server."""

import dataclasses

from .fanout import AUDIO, COSTS, PROBES, costs
from .load import FLOOR, MILLSTREAM, Figure, Goal, Load
from .servers import Extras

LOCATION = Extras(locations="location /live {{ flv_live on; }}")
SETTLE = 1500  # milliseconds; without sound the tracks are known a second after the first picture
CARRIERS = ("http_flv", "websocket_flv")  # options of the generator, with the address of the players' server


@dataclasses.dataclass
class FlvFanOut(Load):
    """One stream of video, and players that take it as FLV. A peer takes part if its port for HTTP is known."""

    contenders: tuple = (FLOOR, MILLSTREAM)
    carrier: str = CARRIERS[0]
    players: int = 1
    video: int = 2_000_000
    takes_peers = True
    figures = (
        *COSTS,
        Figure("rtmp_per_gb", "the same players over RTMP: CPU time per GB sent", "s"),
        Figure("rtmp_p50", "median latency over RTMP", "ms"),
        Figure("rtmp_p99", "99th percentile latency over RTMP", "ms"),
        Figure("rtmp_ratio", "CPU time per GB, relative to RTMP"),
        Figure("player", "memory per player", "kB"),
    )

    def measure(self, lab, contender):
        players = lab.scale(self.players)
        if contender == FLOOR:
            with lab.servers.floor(players, self.video, 1) as server:
                report = lab.generator.drive(
                    server, raw=True, players=players, probes=min(PROBES, players), video=self.video)
            return costs(report, players)
        if contender != MILLSTREAM and (self.carrier != CARRIERS[0] or not lab.servers.has_http(contender)):
            return {}
        report = self.drive(lab, contender, over_rtmp=False)
        figures = costs(report, players) | {"player": memory(report, players)}
        if contender != MILLSTREAM:
            return figures
        rtmp = costs(self.drive(lab, contender, over_rtmp=True), players)
        figures |= {f"rtmp_{key}": rtmp[name] for key, name in (
            ("per_gb", "cpu_per_gb"), ("p50", "latency_p50"), ("p99", "latency_p99"))}
        return figures | {"rtmp_ratio": figures["cpu_per_gb"] / rtmp["cpu_per_gb"]}

    def drive(self, lab, contender, over_rtmp):
        players = lab.scale(self.players)
        with lab.servers.start(contender, extras=LOCATION) as server:
            options = {} if over_rtmp else {self.carrier: server.http}
            return lab.generator.drive(
                server, players=players, probes=min(PROBES, players), video=self.video, settle=SETTLE, **options)


@dataclasses.dataclass
class FlvMemory(Load):
    """The memory for one more player of each kind, of a stream with audio."""

    contenders: tuple = (MILLSTREAM,)
    players: int = 1
    is_steady = True
    figures = (
        Figure("http", "memory per player over HTTP", "kB"),
        Figure("websocket", "memory per player over WebSocket", "kB"),
        Figure("rtmp", "memory per player over RTMP", "kB"),
    )

    def measure(self, lab, contender):
        players, figures = lab.scale(self.players), {}
        for name, carrier in (("http", CARRIERS[0]), ("websocket", CARRIERS[1]), ("rtmp", None)):
            with lab.servers.start(contender, extras=LOCATION) as server:
                options = {carrier: server.http} if carrier else {}
                report = lab.generator.drive(
                    server, players=players, probes=min(PROBES, players), audio=AUDIO, **options)
            figures[name] = memory(report, players)
        return figures


def memory(report, players):
    return (report["memory_played"] - report["memory_published"]) / players / 1e3


CPU = Goal("cpu_per_gb", over=FLOOR, most=1.10)
GOALS = [CPU, Goal("player", most=2)]  # with few players, the frames that they share count as well
FLV = {
    "flv-500": FlvFanOut("HTTP-FLV: 1 publisher of 2 Mbit/s, 500 players", [CPU], players=500),
    "flv-2000": FlvFanOut("HTTP-FLV: 1 publisher of 2 Mbit/s, 2000 players", GOALS, players=2000),
    "flv-websocket-2000": FlvFanOut(
        "WebSocket-FLV: 1 publisher of 2 Mbit/s, 2000 players", GOALS, carrier=CARRIERS[1], players=2000),
    "flv-memory": FlvMemory(
        "FLV: 2000 players of a stream with audio", [Goal("http", most=2), Goal("websocket", most=2)], players=2000),
}
