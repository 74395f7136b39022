"""What a load is: who takes part, which figures come out, and what Millstream has to reach."""

import dataclasses

FLOOR, MILLSTREAM, NGINX = "floor", "millstream", "nginx"


@dataclasses.dataclass(frozen=True)
class Figure:
    """One thing measured. All are better when they are smaller, but for requests."""

    key: str
    title: str
    unit: str = ""

    def words(self):
        return f"{self.title}, {self.unit}" if self.unit else self.title


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
        return f"{bound} of that of {self.over}" if self.over else bound


@dataclasses.dataclass
class Load:
    """One row of docs/performance.md. A kind of load says how it is measured: `measure(lab, contender)` returns
    figures by their keys; those that a contender cannot have are missing."""

    title: str
    goals: list
    contenders: tuple = (MILLSTREAM, NGINX)
    takes_peers = False  # whether a server that was given by an option takes part: its applications are its own
    is_steady = False  # whether one round tells everything: no times are taken
    is_hostile = False  # whether it is about what others' attacks do to players: a table of its own
    figures = ()

    def rounds(self, wanted):
        return 1 if self.is_steady else wanted
