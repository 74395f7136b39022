"""What players of another stream feel while somebody does his worst: one publisher, all players look at every byte."""

import dataclasses
import pathlib
import shutil
import time
from collections.abc import Callable

from .fanout import AUDIO
from .load import MILLSTREAM, Figure, Goal, Load
from .programs import need
from .servers import Extras

PLAYERS = 100
ROUNDS = 3  # at most
SETTLES = 1  # second of measuring on when an attack has ended
QUICK_SETTLES = 0.1
QUICK = {"settle": 50, "warm_up": 50, "measure": 100}
SLOW_CALLS = "write,openat,rename"
MEMORY = pathlib.Path("/dev/shm")
ROOM = 1 << 30  # bytes that recordings, fragments and a torn file may take
TIMES = ("base_p999", "base_max", "latency_p999", "latency_max", "latest")  # of the generator's report
HOSTILE = "application hostile {{ live on; %s }}"


def slow_disk(microseconds):
    """A command under which a server's calls for files take longer. Only those calls are stopped at."""
    return (
        need("strace"), "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e", f"trace={SLOW_CALLS}",
        "-e", f"inject={SLOW_CALLS}:delay_enter={microseconds}")


def memory():
    """A file system in memory, so that no disk is measured beside what the server does; None without one."""
    has_room = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM
    return MEMORY if has_room else None


def nothing(lab, load, folder):
    """No files are needed."""


@dataclasses.dataclass
class Worst(Load):
    """An attack, and what it needs: directives of the application and locations that are attacked, files."""

    goals: list = dataclasses.field(default_factory=lambda: [Goal("latency_max", most=20)])
    contenders: tuple = (MILLSTREAM,)
    attack: str = ""
    options: dict = dataclasses.field(default_factory=dict)
    directives: str = ""
    locations: str = ""
    is_on_disk: bool = False  # whether making files is the harm that is done
    delay: int = 0  # microseconds that the disk takes for each call
    prepare: Callable = nothing
    is_hostile = True
    figures = (
        Figure("seconds", "the attack", "s"),
        Figure("base_p999", "delay of 99.9 % before", "ms"),
        Figure("base_max", "the longest before", "ms"),
        Figure("latency_p999", "delay of 99.9 %", "ms"),
        Figure("latency_max", "the longest", "ms"),
        Figure("latest", "of that the load's own, at most", "ms"),
        Figure("server", "the server's processor", "%"),
        Figure("refused", "hostile peers hung up on"),
    )

    def rounds(self, wanted):
        return min(wanted, ROUNDS)

    def extras(self, lab):
        wrapper = slow_disk(lab.scale(self.delay)) if self.delay else ()
        return Extras(HOSTILE % self.directives, self.locations, wrapper)

    def measure(self, lab, contender):
        with lab.servers.folder(None if self.is_on_disk else memory()) as folder:
            self.prepare(lab, self, folder)
            with lab.servers.run(contender, folder, extras=self.extras(lab)) as server:
                return self.beside(lab, server)

    def beside(self, lab, server):
        """The attack, and beside it the players."""
        said = {}
        players, quick = (PLAYERS // 10, QUICK) if lab.is_quick else (PLAYERS, {})
        options = {name: lab.scale(value) for name, value in self.options.items()}
        with lab.attacker.prepared(server, self.attack, **options) as attack:
            def act():
                attack.begin()
                said.update(attack.end())
                time.sleep(QUICK_SETTLES if lab.is_quick else SETTLES)
            report = lab.generator.drive_beside(server, act, players=players, probes=players, audio=AUDIO, **quick)
        said["server"] = report["server_time"] / report["seconds"] * 100
        return said | {key: report[key] * 1e3 for key in TIMES}
