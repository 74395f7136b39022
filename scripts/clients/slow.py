"""Browsers watch pictures that come seldom, with sound, and the default directives. Fragments are long then, so the
streams begin with the run and are watched near its end, all at once.
"""

from typing import NamedTuple

from . import browsers
from .lab import Failure, wait

WATCHED = 60  # seconds
PATIENCE = 240  # for three fragments of a minute, if nothing else has been run before


class Clip(NamedTuple):
    """One picture in so many seconds, of which every so-manieth is a key frame."""
    step: int
    group: int


CLIPS = {"1s": Clip(1, 1), "1s-group": Clip(1, 10), "5s": Clip(5, 1), "5s-group": Clip(5, 3), "10s": Clip(10, 1)}
PLAYERS = ("hls-js", "video")
CASES = [(word, player) for word in CLIPS for player in PLAYERS]


class Broadcasts:
    """Those that are needed for some cases."""

    def __init__(self, lab, cases):
        self.lab, self.cases = lab, cases
        self.publishers = {word: self.publish(word) for word in sorted({case.clip for case in cases})}

    def publish(self, word):
        step, group = CLIPS[word]
        return self.lab.run(f"{name(word)}.publisher", [
            "ffmpeg", "-v", "warning", "-re", "-f", "lavfi", "-i", f"testsrc=size=320x180:rate=1/{step}",
            "-re", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100",
            "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", group,
            "-c:a", "aac", "-f", "flv", self.lab.url(name(word), "slow")])

    def watch(self, results):
        for word, publisher in self.publishers.items():
            self.wait_for_fragments(word, publisher)
        for case, process in [(case, self.begin(case)) for case in self.cases]:
            results.case(case.name, lambda process=process: finish(process))
        for publisher in self.publishers.values():
            publisher.kill()

    def wait_for_fragments(self, word, publisher):
        """Who has too few of them fails by itself."""
        listed = lambda: (self.lab.get(f"hls/{name(word)}.m3u8") or b"").count(b"#EXTINF")
        try:
            wait(PATIENCE, "three fragments", lambda: publisher.ended() or listed() >= 3)
        except Failure:
            pass

    def begin(self, case):
        """The browser, or why it does not start."""
        script = case.word.removeprefix("chromium-")
        try:
            return browsers.start(self.lab, script, name(case.clip), WATCHED, f"rate={1 / CLIPS[case.clip].step}")
        except Failure as failure:
            return failure


def name(word):
    return f"slow-{word}"


def finish(process):
    if isinstance(process, Failure):
        raise process
    return browsers.finish(process)
