"""The load of files that are played over RTMP: each player another one."""

import dataclasses
import os
import pathlib

from . import rtmp
from .fanout import BURDEN, generator
from .load import FLOOR, MILLSTREAM, NGINX, Figure, Goal, Load
from .servers import Extras

DIFFERENT = 50  # files; the others have the same bytes under other names
RATE, GROUP = 30, 60  # frames a second, and from one key frame to the next
KEY_WEIGHT = 8  # how much larger a key frame is
LONGER = 14  # seconds of a file beyond what is measured: for the connections, the warm-up and what is sent ahead
CPU = Goal("cpu_per_gb", over=FLOOR, most=1.2)


@dataclasses.dataclass
class PlayedFiles(Load):
    """Files that the kernel has in memory."""

    contenders: tuple = (FLOOR, MILLSTREAM, NGINX)
    players: int = 1
    video: int = 2_000_000
    made: pathlib.Path | None = None  # the folder with the files
    figures = (
        Figure("cpu_per_gb", "CPU time per GB sent", "s"),
        Figure("both_per_gb", "the same, with that of the load", "s"),
        Figure("player", "memory per player", "kB"),
        Figure("generator", BURDEN, "%"),
    )

    def measure(self, lab, contender):
        players = lab.scale(self.players)
        folder = self.made or self.make(lab.servers, players, lab.generator.seconds + LONGER)
        options = {"files": True, "streams": players, "players": 1, "application": "vod", "video": self.video}
        if contender == FLOOR:
            with lab.servers.floor(players, self.video, 1, folder) as server:
                return costs(lab.generator.drive(server, raw=True, **options))
        extras = Extras(applications=f"application vod {{{{ play {folder}; }}}}")
        with lab.servers.start(contender, extras=extras) as server:
            report = lab.generator.drive(server, **options)
        memory = (report["memory_played"] - report["memory_alone"]) / players / 1e3
        return costs(report) | {"player": memory}

    def make(self, servers, players, seconds):
        """A file for each player, for all rounds and servers. All are old: one that has just been written may grow."""
        self.made = folder = servers.stack.enter_context(servers.folder())
        for number in range(players):
            path = folder / f"s{number}.flv"
            if number >= DIFFERENT:
                path.hardlink_to(folder / f"s{number % DIFFERENT}.flv")
                continue
            path.write_bytes(b"".join(self.tags(number, int(seconds * RATE))))
            os.utime(path, (0, 0))
        os.sync()  # nothing is written to the disk while it is measured
        return folder

    def tags(self, number, frames):
        inter = self.video // 8 * GROUP // RATE // (GROUP - 1 + KEY_WEIGHT)
        keys, others = (rtmp.picture(size - 5, key, filling=bytes([number + 1])) for size, key in (
            (inter * KEY_WEIGHT, True), (inter, False)))
        yield b"FLV\x01\x01\0\0\0\x09\0\0\0\0" + tag(0, rtmp.HEADER)
        for frame in range(frames):
            yield tag(frame * 1000 // RATE, others if frame % GROUP else keys)


def tag(time, body):
    """A tag with video, and its length behind it (annex E of FLV)."""
    head = bytes([rtmp.VIDEO]) + len(body).to_bytes(3) + (time & 0xFFFFFF).to_bytes(3) + bytes([time >> 24, 0, 0, 0])
    return head + body + (len(head) + len(body)).to_bytes(4)


def costs(report):
    return {
        "cpu_per_gb": report["server_time"] / report["received_bytes"] * 1e9,
        "both_per_gb": (report["server_time"] + report["own_time"]) / report["received_bytes"] * 1e9,
        "generator": generator(report),
    }


PLAYED = {
    "played-500": PlayedFiles(
        "500 players of different files of 2 Mbit/s, which are in memory", [CPU, Goal("player", most=64)], players=500),
}
