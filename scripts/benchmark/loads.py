"""The loads: what is done to each server, which figures come out, and what Millstream has to reach."""

import dataclasses

FRAMES = 30  # a second, in every load

FLOOR, MILLSTREAM, NGINX = "floor", "millstream", "nginx"


@dataclasses.dataclass(frozen=True)
class Figure:
    """One thing measured."""

    key: str
    title: str
    unit: str


@dataclasses.dataclass(frozen=True)
class Goal:
    """What a figure of Millstream's must be, as a multiple of another's (`over`) or by itself."""

    figure: str
    over: str | None = None
    most: float | None = None
    least: float | None = None

    def is_met(self, value):
        return (self.most is None or value <= self.most) and (self.least is None or value >= self.least)

    def words(self):
        bound = f"at most {self.most:g}" if self.most is not None else f"at least {self.least:g}"
        return f"{bound} x {self.over}" if self.over else bound


class FanOut:
    """One publisher and many players of its stream."""

    def __init__(self, players, video, goals, merge=1, directives="", contenders=(FLOOR, MILLSTREAM, NGINX)):
        self.players, self.video, self.merge, self.directives = players, video, merge, directives
        self.contenders, self.goals = contenders, goals
        self.title = f"1 publisher of {video / 1e6:g} Mbit/s, {players} players"
        self.figures = [
            Figure("cpu_per_gb", "CPU per GB sent", "s"),
            Figure("cpu_per_message", "CPU per message sent", "us"),
            Figure("latency_p50", "latency, median", "ms"),
            Figure("latency_p99", "latency, 99 of 100", "ms"),
        ]

    def measure(self, lab, contender):
        players = lab.scale(self.players)
        if contender == FLOOR:
            with lab.servers.floor(players, self.video, self.merge) as server:
                report = lab.generator.drive(server, raw=True, players=players, video=self.video)
                report["published_messages"] = FRAMES * report["seconds"]
                return costs(report, players)
        directives = self.directives if contender == MILLSTREAM else ""
        with lab.servers.start(contender, directives) as server:
            report = lab.generator.drive(server, players=players, probes=min(20, players // 5), video=self.video)
            return costs(report, players) | {
                key: report[key] * 1e3 for key in ("latency_p50", "latency_p99")}


def costs(report, players):
    """What a fan-out takes of the server's processor."""
    return {
        "cpu_per_gb": report["server_time"] / report["received_bytes"] * 1e9,
        "cpu_per_message": report["server_time"] / (report["published_messages"] * players) * 1e6,
    }


LOADS = {
    "fanout-500": FanOut(500, 2_000_000, [Goal("cpu_per_gb", FLOOR, most=1.10), Goal("latency_p99", NGINX, most=0.8)]),
    "fanout-2000": FanOut(2000, 2_000_000, [Goal("cpu_per_gb", FLOOR, most=1.10), Goal("latency_p99", NGINX, most=0.8)]),
    "messages-500k": FanOut(2000, 500_000, [Goal("cpu_per_message", NGINX, most=0.55)]),
}
