"""Encoders that are refused, or that refuse the server's certificate: each ends by itself, says why as far as it can, and
does not try again.
"""

import itertools
import os
import pathlib
import re
import shutil
import time
from typing import NamedTuple

from . import clips, obs_studio, publishers
from .lab import Failure, run_to_end, wait

NAME = "refused"  # in place of the publisher
CLIP = "h264+aac"
CALM = 4  # seconds in which nobody may connect again; OBS waits for 2 before it does
PATIENCE = 15
STOPPED = "==== Streaming Stop"  # a line of OBS's log
UNTRUSTED = "untrusted"  # in place of the clip, for a certificate


class Reason(NamedTuple):
    """Why a publisher is refused: where it publishes, and what it is told."""
    application: str
    stream: str
    text: str
    scheme: str = "rtmp"
    logged: str = "closed: (?:connect|publish) .*refused: .*"  # in front of the text


REASONS = {
    "application": Reason("none", "cam", 'no application "none" here'),
    "live-off": Reason("unused", "cam", "live is off here"),
    "busy": Reason("live", "busy", "already publishing"),
    "key": Reason("keyed", "cam?key=wrong", "wrong key"),
    "no-key": Reason("keyed", "cam", "a key is missing"),
    "rule": Reason("ruled", "cam", "may not publish here"),
    # Nobody has told the system to trust the server's authority. Not all clients tell the server why they leave.
    UNTRUSTED: Reason("live", "cam", "for localhost", "rtmps",
                      "(?:closed: no TLS|left in the handshake without a word): .*"),
}


class Refused:
    """A publisher at work; for it, this is the broadcast."""

    def __init__(self, lab, clip, case):
        self.lab, self.clip, self.name = lab, clip, f"{NAME}-{case.clip}-{case.word}-{len(lab.processes)}"
        clients = CLIENTS_UNTRUSTED if case.clip == UNTRUSTED else CLIENTS
        self.client, self.reason = clients[case.word], REASONS[case.clip]
        self.url = lab.url(self.reason.stream, self.reason.application, self.reason.scheme)
        self.offset = len(lab.server_log())
        self.publisher = self.client.kind(self)
        self.process = lab.run(self.publisher.label, self.publisher.command())
        self.failure = None

    def expect_end(self):
        try:
            self.client.expect_end(self)
        except Failure as failure:
            self.failure = failure

    def finish(self):
        if self.failure:
            raise self.failure
        if (count := self.refusals()) != 1:
            raise Failure(f"it has been refused {count} times, not once")
        wanted = self.client.wanted(self.reason)
        if wanted not in self.process.output():
            raise Failure(f"it does not say {wanted!r}: {self.process.last_words()}")
        return f"it stops, and says: {wanted}"

    def refusals(self):
        log = self.lab.server_log()[self.offset:]
        return len(re.findall(self.reason.logged + re.escape(self.reason.text), log))


class Client:
    """One that ends with an error. `shows` makes what it must say of the reason."""

    def __init__(self, kind, shows=lambda reason: reason.text):
        self.kind, self.wanted = kind, shows

    def expect_end(self, refused):
        if refused.process.wait(PATIENCE) == 0:
            raise Failure(f"it ends as if all were well: {refused.process.last_words()}")


class Obs(Client):
    """One that shows a window, and stays."""

    def expect_end(self, refused):
        wait(40, "OBS to stop streaming", lambda: refused.process.ended() or STOPPED in refused.process.output())
        if refused.process.ended():
            raise Failure(f"OBS has ended: {refused.process.last_words()}")
        time.sleep(1)  # for its window to be drawn
        refused.publisher.take_picture(refused)


class ObsStudio(obs_studio.ObsStudio):
    """As it is installed: it would connect again."""

    profile = obs_studio.PROFILE.replace("Reconnect=false", "Reconnect=true\nRetryDelay=2\nMaxRetries=25")
    tasks = ("--startstreaming",)
    screen_size = "960x600"

    def take_picture(self, refused):
        """Of its window with the message."""
        picture = self.home.with_suffix(".png")
        run_to_end(["ffmpeg", "-v", "error", "-f", "x11grab", "-video_size", self.screen_size, "-i", f":{self.display()}",
                    "-frames:v", 1, picture], self.lab.folder)
        if folder := os.environ.get("SCREENSHOT"):
            shutil.copy(picture, pathlib.Path(folder) / f"{refused.name}.png")


CLIENTS = {
    "ffmpeg": Client(publishers.Ffmpeg), "ffmpeg9": Client(publishers.Ffmpeg9),
    "rtmp2sink": Client(publishers.Rtmp2Sink),
    # librtmp of Debian knows no more than that it has failed.
    "librtmp": Client(publishers.RtmpSink, lambda _: "Could not connect to RTMP stream"),
    # Its window shows the same text for all reasons; ours is in its log.
    "obs": Obs(ObsStudio),
}
# Those that trust whom the system trusts. OBS's window says that the certificate is invalid.
CLIENTS_UNTRUSTED = {
    "rtmp2sink": Client(publishers.Rtmp2Sink, lambda _: "Unacceptable TLS certificate"),
    "obs": Obs(ObsStudio, lambda _: "Cert verify failed"),
}
CASES = [(reason, word) for reason in REASONS for word in (CLIENTS_UNTRUSTED if reason == UNTRUSTED else CLIENTS)]


def watch(lab, clip, cases, results):
    """A program for all reasons at once, as each has a text of its own in the log; one program after the other, since a line
    does not tell who is refused. OBS needs the machine for itself.
    """
    busy = lab.run("refused.publisher", [
        "ffmpeg", "-v", "warning", "-re", "-stream_loop", -1, "-i", clip.path, "-c", "copy", "-f", "flv",
        lab.url("busy", "live")])
    wait(PATIENCE, "the publisher", lambda: "publish live/busy" in lab.server_log())
    apart = sorted(cases, key=lambda case: case.word)
    for word, together in itertools.groupby(apart, key=lambda case: case.word):
        together = list(together)
        for some in [[case] for case in together] if word == "obs" else [together]:
            attempt(lab, clip, some, results)
    busy.kill()


def attempt(lab, clip, cases, results):
    """Has publishers refused, each for another reason."""
    attempts = [Refused(lab, clip, case) for case in cases]
    try:
        for refused in attempts:
            refused.expect_end()
        time.sleep(CALM)
        for case, refused in zip(cases, attempts):
            results.case(case.name, refused.finish)
    finally:
        for refused in attempts:
            refused.process.kill()
            if screen := getattr(refused.publisher, "screen", None):
                screen.kill()
