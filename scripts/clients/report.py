"""What came of the cases: lines as they come, and tables for a document."""

import platform
import re
import subprocess
import time

import steal

from . import cases as matrix
from . import clips, devices
from .lab import FFMPEG9, Failure

FAULTS = (Failure, ValueError, LookupError, OSError, TypeError, subprocess.SubprocessError)

PACKAGES = ["ffmpeg", "obs-studio", "gstreamer1.0-plugins-bad", "gstreamer1.0-plugins-good", "glib-networking", "librtmp1",
            "rtmpdump", "mpv", "vlc-bin", "chromium", "stunnel4"]

DOCUMENT = """# Real clients

This page shows the results of `scripts/interop`: which programs can publish which codecs, and which programs can play, record or decode
them. Each row of the first table is one stream of 8 seconds. This command runs everything and writes this page:

    scripts/interop --table docs/interop.md

"pass" in the column of a player stands for two tests: the player starts before the publisher, and in the middle of the stream. What the
player receives is compared with what was published, packet by packet and byte by byte; all timestamps may differ by one constant. For
ffplay, mpv and VLC, the number of frames that they show is checked, and, except for VLC, that video and audio are in sync. An empty field was not tested:
ffmpeg 5.1, ffplay, mpv and VLC of Debian 12 do not support the codecs of Enhanced RTMP.

- *every message*: a player of our own, which writes down every audio, video and data message as it is. If it joins late, it must get
  the headers and the last key frame first.
- *metadata*: before the first video frame, the player has received the codecs and the size that the publisher has sent.
- *recording*: the server's FLV file has every message in order, with duration and seek index.
- *recording in FFmpeg 9*: it decodes the recording without an error, to the same video and audio as what was published.
- *HLS in ffmpeg*: it plays the playlist while the stream is live, and decodes it to the same video and audio, without a discontinuity. It is
  FFmpeg 9 if that has published, and otherwise ffmpeg 5.1.
- *HTTP-FLV*: curl keeps the answer, with `flv_compat raw`, and it is compared like what a player of RTMP receives. FFmpeg, ffplay, ffprobe, mpv and VLC
  (*flv-...* below) play the same streams over HTTP-FLV; those that decode get the form for browsers.
- *RTMPS*: publisher and players use RTMPS, and HLS is played over HTTPS (*ffmpeg-long-tls/...*: in Chromium). An authority of our
  own has signed the certificate, and each client is told to trust it. All verify it but librtmp and rtmpdump, which accept any.
- *shape/...*: unusual streams of encoders and cameras, in HLS: new parameter sets without a new header, with which
  the video is turned; a message for each slice; an empty AAC header. Chromium shows all video frames, the last ones in their new
  size, plays all audio, and does not stall.
- *flv-page/...*: one page with mpegts.js that plays all these streams at the same time over WebSocket, and one with flv.js that plays six over HTTP (browsers
  have six connections for a host). No error reaches the page. Chromium has no decoder for HEVC: mpegts.js has read its header. VP9 and AC-3 are left
  out, because mpegts.js cannot read them, and so is a track that begins more than a second after the other. *clock*: the frames show their number, and the
  page reads how old they are when they are on the screen. Then a page with our own player, which plays all of them and says what it cannot: its connection
  is *cut*, the *codec* changes from H.264 to AV1, and *hls* is HLS that it reads by itself. *player-bytes*: its parsers, with streams that are cut
  everywhere, and with broken ones.
- *play-files/...*: files that are played over RTMP (FLV with and without an index; MP4 with `moov` behind, in front and in fragments, with
  an edit list). What a client gets is what is in the file: all of it, from the key frame before a time on (*-seek*), a part (*-part*), the rest
  (*-resume*), and over a pause (*-paused*). *named-...*: the names that clients send.
- *slow/...*: video with one frame in 1, 5 and 10 s, and audio, in HLS: each frame is shown for its whole time, without a stall.
- *refused/...*: encoders that may not publish: an application that does not exist, `live off`, a name that is taken, a wrong key, none, a
  `deny` rule. Each encoder stops by itself, does not connect again, and its output or log has the reason that the server gave (librtmp
  as GStreamer uses it only says that it failed). OBS is set to reconnect, as it is by default.
- *refused/untrusted/...*: the other way round, encoders refuse the server's certificate, which is by an authority that they do not know.
- *ffmpeg-stopped/...*: HLS players, the page of Millstream and its player, while the encoder is stopped and started again 5 s later: all continue by
  themselves.
- *long-...*: HLS players, all at the same time, for a minute; then while the encoder is away for a second; then while the
  server restarts. None stalls. Our own player of FLV goes on by itself, and needs no more memory.

If a test fails while a virtual machine has to wait for processor time (as its kernel counts it), it is repeated, twice at most.

{matrix}

Players of recordings and HLS, and browsers:

{others}

## Devices

These devices and programs cannot be run in a test, and each does something unusual. A test does the same.

{devices}

## Versions

{versions}
"""


PASS, FAIL = "pass", "**FAIL**"


class Report:
    """Prints a line for each case, and keeps the verdicts."""

    def __init__(self):
        self.verdicts = {}  # a case's name -> PASS or FAIL, and the note
        self.disturbed = set()  # names of what has failed while the machine stood still
        self.started, self.clock, self.failures = time.monotonic(), steal.Clock(), set()

    def case(self, name, action):
        """Runs it; it returns its note or raises. What has failed once stays so."""
        start = time.monotonic()
        try:
            note, verdict = action(), PASS
        except FAULTS as error:
            note, verdict = str(error) if isinstance(error, Failure) else f"{type(error).__name__}: {error}", FAIL
            self.failures.add(name)
        if self.verdicts.get(name, (PASS,))[0] == PASS:
            self.verdicts[name] = (verdict, note)
        waited = time.monotonic() - start
        word = "PASS" if verdict == PASS else "FAIL"
        print(f"{word}  {name:<42} {note}{f'  [{waited:.0f} s]' if waited >= 1 else ''}", flush=True)

    def section(self, what):
        """Says how long the cases since the last section took, and whether that can be blamed on the machine."""
        now, lost = time.monotonic(), self.clock.share()
        if lost > steal.MUCH:
            self.disturbed |= self.failures
        print(f"----  {now - self.started:.0f} s: {what}{steal.note(lost)}", flush=True)
        self.started, self.failures = now, set()

    def forget(self, names):
        """These are tried again."""
        self.disturbed, self.failures = set(), set()
        for name in names:
            self.verdicts.pop(name, None)

    def count(self, verdict):
        return sum(found == verdict for found, _ in self.verdicts.values())


def write_table(path, cases, report):
    """The document, of a run of these cases."""
    path.write_text(DOCUMENT.format(
        matrix=_matrix(cases, report), others=_others(cases, report), devices=_devices(), versions=_versions()))


def _matrix(cases, report):
    words = [word for word, client in matrix.CLIENTS.items() if client.title]
    rows = []
    for publisher, clip, _ in (broadcast for group in matrix.GROUPS for broadcast in group):
        ours = [case for case in cases if (case.publisher, case.clip) == (publisher, clip)]
        verdicts = [_verdict(report, [case.name for case in ours if case.word == word]) for word in words]
        if any(verdicts):
            published = _verdict(report, [f"{publisher}/{clip}/publish"])
            rows.append([matrix.PUBLISHERS[publisher].title, clips.RECIPES[clip].title, published, *verdicts])
    heads = ["publisher", "codecs", "publishes", *(matrix.CLIENTS[word].title for word in words)]
    return _markdown(heads, rows)


def _verdict(report, names):
    verdicts = {report.verdicts.get(name, ("**not run**",))[0] for name in names}
    return max(verdicts, default="", key=lambda verdict: verdict != "pass")


def _others(cases, report):
    rows = [[case.name, *report.verdicts.get(case.name, ("**not run**", ""))]
            for case in cases if case.publisher not in matrix.PUBLISHERS or case.word not in matrix.CLIENTS or not matrix.CLIENTS[case.word].title]
    return _markdown(["case", "result", "what it saw"], rows)


def _devices():
    return _markdown(["device or program", "what is unusual", "shown by"], devices.KNOWN)


def _markdown(heads, rows):
    return "\n".join("| " + " | ".join(row) + " |" for row in [heads, ["---"] * len(heads), *rows])


def _versions():
    rows = [["FFmpeg 9", re.match(r"ffmpeg version (\S+)", _output(FFMPEG9, "-version"))[1]]]
    rows += [[name, _output("dpkg-query", "-W", "-f=${Version}", name)] for name in PACKAGES]
    return _markdown(["program or package", "version"], rows) + f"\n\nOn {_system()}, {platform.machine()}."


def _system():
    return platform.freedesktop_os_release()["PRETTY_NAME"]


def _output(*arguments):
    done = subprocess.run(list(map(str, arguments)), capture_output=True, text=True, check=True)
    return done.stdout.strip()
