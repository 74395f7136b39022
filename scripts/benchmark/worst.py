"""The delays of players of another stream during an attack: one publisher, and all players compare every byte."""

import dataclasses
import pathlib
import shutil
import time
from collections.abc import Callable

from .certificates import ECDSA
from .fanout import AUDIO
from .load import MILLSTREAM, Figure, Goal, Load
from .programs import need
from .servers import Extras

PLAYERS = 100
ROUNDS = 3  # at most
SETTLES = 1  # second of measuring after the end of an attack
QUICK_SETTLES = 0.1
QUICK = {"settle": 50, "warm_up": 50, "measure": 100}
SLOW_CALLS = "write,pwrite64,openat,rename,unlink,mkdir,ftruncate,statfs,getdents64"  # by which outputs reach a disk
SLOW_READS = "openat,pread64,getdents64"  # by which HTTP files are read: the server's loop itself has openat2 and preadv2
MEMORY = pathlib.Path("/dev/shm")
ROOM = 1 << 30  # bytes that recordings, fragments and a torn file may take
TIMES = ("base_p999", "base_max", "latency_p999", "latency_max", "latest")  # fields of the generator's report
HOSTILE = "application hostile {{ live on; %s }}"


def faulty_disk(calls, fault):
    """A command that runs a server so that these calls take longer or fail, as strace(1) writes it. It stops at them
    only."""
    return (
        need("strace"), "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e", f"trace={calls}",
        "-e", f"inject={calls}:{fault}")


def memory():
    """A file system in memory, so that the disk is not measured; None if there is none."""
    has_room = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM
    return MEMORY if has_room else None


def nothing(lab, load, folder):
    """No files are needed."""


@dataclasses.dataclass
class Worst(Load):
    """An attack, and what it needs: directives of the attacked application, locations, files."""

    goals: list = dataclasses.field(default_factory=lambda: [Goal("latency_max", most=20)])
    contenders: tuple = (MILLSTREAM,)
    attack: str = ""
    options: dict = dataclasses.field(default_factory=dict)
    directives: str = ""
    locations: str = ""
    is_on_disk: bool = False  # whether making files is the attack
    delay: int = 0  # microseconds for each call to the disk
    fault: str = ""  # of these calls, if they do not only take longer
    faulty_calls: str = SLOW_CALLS
    prepare: Callable = nothing
    is_encrypted: bool = False  # whether the attack comes over TLS; the measured players do not
    is_hostile = True
    figures = (
        Figure("seconds", "duration of the attack", "s"),
        Figure("base_p999", "99.9th percentile delay before", "ms"),
        Figure("base_max", "maximum delay before", "ms"),
        Figure("latency_p999", "99.9th percentile delay", "ms"),
        Figure("latency_max", "maximum delay", "ms"),
        Figure("latest", "of that, caused by the load itself, at most", "ms"),
        Figure("server", "processor of the server", "%"),
        Figure("refused", "closed hostile clients"),
    )

    def rounds(self, wanted):
        return min(wanted, ROUNDS)

    def extras(self, lab):
        slow = f"delay_enter={lab.scale(self.delay)}" if self.delay else ""
        faults = ":".join(fault for fault in (slow, self.fault) if fault)
        wrapper = faulty_disk(self.faulty_calls, faults) if faults else ()
        certificate = lab.servers.certificate(ECDSA) if self.is_encrypted else None
        return Extras(HOSTILE % self.directives, self.locations, wrapper, certificate)

    def measure(self, lab, contender):
        with lab.servers.folder(None if self.is_on_disk else memory()) as folder:
            self.prepare(lab, self, folder)
            with lab.servers.run(contender, folder, extras=self.extras(lab)) as server:
                return self.beside(lab, server)

    def beside(self, lab, server):
        """Runs the attack, and the players beside it."""
        said = {}
        players, quick = (PLAYERS // 10, QUICK) if lab.is_quick else (PLAYERS, {})
        options = {name: lab.scale(value) for name, value in self.options.items()}
        if self.is_encrypted:
            options["authority"] = lab.servers.certificate(ECDSA).authority
        with lab.attacker.prepared(server, self.attack, **options) as attack:
            def act():
                attack.begin()
                said.update(attack.end())
                time.sleep(QUICK_SETTLES if lab.is_quick else SETTLES)
            report = lab.generator.drive_beside(server, act, players=players, probes=players, audio=AUDIO, **quick)
        said["server"] = report["server_time"] / report["seconds"] * 100
        return said | {key: report[key] * 1e3 for key in TIMES}
