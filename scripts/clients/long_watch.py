"""Players for a minute and more: nothing happens, then the encoder is gone for a moment, then the server is.

None of HLS may stall: what they have in their buffers is longer than what they miss. Our own player of FLV has a second
only, and must go on by itself.
"""

import pathlib
import re
import time

from . import clips
from .browsers import SCRIPTS
from .lab import Failure, wait

NAME = "long-watch"
QUIET, AFTER_RECONNECT, AFTER_RESTART = 65, 14, 14
AWAY = 1  # seconds that the encoder is gone
SECONDS = QUIET + AWAY + AFTER_RECONNECT + AFTER_RESTART - 4  # that are watched, within all that


class Browser:
    """One of the browsers' scripts, which judges by itself."""

    def __init__(self, lab, script):
        command = ["node", SCRIPTS / f"{script}.mjs", lab.http(), NAME, SECONDS, "restarts"]
        self.process = lab.run(f"long.{script}", command)

    def look(self):
        """It looks by itself."""

    def finish(self):
        self.process.expect_success(60)
        return self.process.last_words()


class Ffmpeg:
    """ffmpeg reads as fast as it can, and as much as a player would: what it has at each moment is the buffer."""

    def __init__(self, lab):
        self.pictures = pathlib.Path(lab.folder) / "long.pictures"  # a line for each
        source = lab.http(f"hls/{NAME}.m3u8")
        self.process = lab.run("long.ffmpeg", [
            "ffmpeg", "-v", "warning", "-i", source, "-map", "0:v", "-c", "copy", "-flush_packets", 1,
            "-f", "framecrc", self.pictures])
        self.seen = []  # (when, seconds of video)

    def look(self):
        if self.pictures.exists():
            lines = self.pictures.read_bytes().count(b"\n0,")
            self.seen.append((time.monotonic(), lines / clips.FRAME_RATE))

    def finish(self):
        if self.process.ended():
            raise Failure(f"ffmpeg has given up: {self.process.last_words()}")
        self.process.interrupt_until_ended(10)
        start = next((when for when, length in self.seen if length > 0), time.monotonic())
        watched = self.seen[-1][0] - start
        least = min(length - (when - start) for when, length in self.seen if when >= start)
        note = f"{watched:.0f} s, at least {least:.1f} s of video ahead"
        if watched < SECONDS or least < 0:
            raise Failure(f"{note}: {self.process.last_words()}")
        return note


PLAYERS = {
    "hls-js": lambda lab: Browser(lab, "hls-js"),
    "video": lambda lab: Browser(lab, "video"),
    "player": lambda lab: Browser(lab, "player-alone"),
    "ffmpeg": Ffmpeg,
}


def watch(lab, clip, cases, results):
    """All players at once."""
    source = clip.long()
    publisher = publish(lab, source)
    # Players take the last three as their buffer.
    wait(60, "three fragments of full length", lambda: lengths(lab.get(f"hls/{NAME}.m3u8"))[-3:] == [3.0] * 3)
    players = [case.client(lab) for case in cases]
    spend(QUIET, players)
    publisher.kill()
    spend(AWAY, players)
    publisher = publish(lab, source)
    spend(AFTER_RECONNECT, players)
    lab.restart_server()
    publisher.kill()
    publisher = publish(lab, source)
    spend(AFTER_RESTART, players)
    for case, player in zip(cases, players):
        results.case(case.name, player.finish)
    publisher.kill()


def publish(lab, source):
    return lab.run("long.publisher", ["ffmpeg", "-v", "warning", "-re", "-i", source, "-c", "copy", "-f", "flv",
                                      lab.url(NAME, "tv")])


def lengths(playlist):
    """Of the fragments that are listed, in seconds."""
    return list(map(float, re.findall(rb"#EXTINF:([\d.]+)", playlist or b"")))


def spend(seconds, players):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for player in players:
            player.look()
        time.sleep(0.2)
