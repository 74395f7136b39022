"""A load: the servers that it measures, its figures, and the goals of Millstream."""

import dataclasses

FLOOR, MILLSTREAM, NGINX = "floor", "millstream", "nginx"


@dataclasses.dataclass(frozen=True)
class Figure:
    """One measured value. Lower is better, except for requests."""

    key: str
    title: str
    unit: str = ""

    def words(self):
        return f"{self.title}, {self.unit}" if self.unit else self.title


@dataclasses.dataclass(frozen=True)
class Goal:
    """The limit for a figure of Millstream, by itself or relative to another server (`over`)."""

    figure: str
    over: str | None = None
    most: float | None = None
    least: float | None = None

    def is_met(self, value):
        return (self.most is None or value <= self.most) and (self.least is None or value >= self.least)

    def words(self):
        bound = f"at most {self.most:g}" if self.most is not None else f"at least {self.least:g}"
        return f"{bound} of that of {self.over}" if self.over else bound


@dataclasses.dataclass
class Load:
    """One row of docs/performance.md. Each subclass has `measure(lab, contender)`, which returns the figures by their
    keys, without those that a contender cannot have."""

    title: str
    goals: list
    contenders: tuple = (MILLSTREAM, NGINX)
    takes_peers = False  # whether servers of the option --peer take part, whose configuration is not known
    is_steady = False  # whether one round is enough, because no times are measured
    is_hostile = False  # whether it measures players during an attack; these loads have their own table
    figures = ()

    def rounds(self, wanted):
        return 1 if self.is_steady else wanted
