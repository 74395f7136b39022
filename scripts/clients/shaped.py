"""Browsers watch what encoders and cameras send that is unusual: two players at once, while it is published, or, where
its beginning matters, when it is over.
"""

import sys
from typing import Any, NamedTuple

from . import browsers, flv, shapes
from .lab import Failure
from .publishers import PUBLISH, address
from .shapes import AVC

RATE, SECONDS = 25, 26
WATCHED = 10  # seconds
TURNING = 30  # seconds of a clip that turns after half of them,
SEEN_TURNING = 18  # and of watching, which see it turn though they begin with the first picture
FAST = 8  # times as fast as in real time


class Clip(NamedTuple):
    """What is published, and whether it is over when players come: then they begin with its first fragment."""
    make: Any
    is_over: bool = False
    watched: int = WATCHED


CLIPS = {
    "new-sets": Clip(lambda: shapes.new_sets(AVC, shapes.sets_inside, RATE, TURNING), watched=SEEN_TURNING),
    # With sound of four channels, which only a program configuration tells.
    "slices": Clip(lambda: shapes.slices(AVC, shapes.tone(SECONDS, "quad"), rate=RATE, seconds=SECONDS)),
    "empty-header": Clip(lambda: shapes.empty_header(shapes.clip(AVC, rate=RATE, seconds=SECONDS)), is_over=True),
}
PLAYERS = ("hls-js", "video")


def watch(lab, cases, results):
    """A broadcast for each clip."""
    for word, clip in CLIPS.items():
        if chosen := [case for case in cases if case.clip == word]:
            Broadcast(lab, word, clip).watch(chosen, results)


class Broadcast:
    """One clip, published once."""

    def __init__(self, lab, word, clip):
        self.lab, self.name, self.is_over, self.watched = lab, f"shape-{word}", clip.is_over, clip.watched
        shape, path = clip.make(), lab.folder / f"shape-{word}.flv"
        flv.write(path, shape.tags)
        self.size = shape.clips[-1].size
        self.publisher = lab.run(f"{self.name}.publisher", [
            sys.executable, PUBLISH, "--speed", FAST if clip.is_over else 1, path,
            *address(lab.url(self.name))])

    def watch(self, cases, results):
        if self.is_over:
            self.publisher.expect_success(SECONDS)
        for case, process in [(case, self.begin(case)) for case in cases]:
            results.case(case.name, lambda process=process: self.judge(process))
        self.publisher.kill()

    def begin(self, case):
        """The browser, or why it does not start."""
        try:
            return browsers.start(self.lab, case.word.removeprefix("chromium-"), self.name, self.watched)
        except Failure as failure:
            return failure

    def judge(self, process):
        if isinstance(process, Failure):
            raise process
        note = browsers.finish(process)
        if not self.is_over and self.publisher.ended():
            raise Failure(f"the publisher has ended: {self.publisher.last_words()}")
        if f"of {self.size} in" not in note:
            raise Failure(f"the picture is not {self.size}: {note}")
        return note
