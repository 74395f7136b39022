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

PACKAGES = ["ffmpeg", "obs-studio", "gstreamer1.0-plugins-bad", "gstreamer1.0-plugins-good", "librtmp1", "rtmpdump",
            "mpv", "vlc-bin", "chromium"]

DOCUMENT = """# Real clients

What `scripts/interop` has found: who publishes what, and who takes it. Each line of the first table is one
broadcast of 8 seconds. The command that made this page, from a run of everything:

    scripts/interop --table docs/interop.md

"pass" under a player means two cases: it comes before the publisher, and in the middle. What it has received is
compared with what was published, byte by byte and packet by packet with one shift of the timestamps; ffplay, mpv and
VLC are judged by the pictures they show and, but for VLC, their distance from the sound. An empty field is not tried:
ffmpeg 5.1, ffplay, mpv and VLC of Debian 12 do not know the codecs of Enhanced RTMP.

- *every message*: our own player, which notes each audio, video and data message as it is. One that comes late must
  begin with the headers and a key frame from before it came.
- *metadata*: before the first picture, the player has been told the codecs and the size that the publisher told.
- *recording*: the server's FLV file holds every message in order, with duration and seek index.
- *recording in FFmpeg 9*: it decodes without an error to the same pictures and sound as what was published.
- *HLS in ffmpeg*: the playlist, while it grows, decodes to the same pictures and sound, without a discontinuity; in
  FFmpeg 9 where that has published, or else in ffmpeg 5.1.
- *shape/...*: in HLS, what encoders and cameras send that is unusual: new parameter sets in the stream alone, by which
  the picture turns; a message for each slice; an empty AAC header. Chromium shows all pictures, the last in their new
  size, plays all sound, and does not stall.
- *slow/...*: in HLS, a picture in 1, 5 and 10 s, with sound: shown for as long as it stands, without a stall.
- *ffmpeg-stopped/...*: players of HLS and our page, while the encoder is stopped and started again 5 s later: all go on by
  themselves.
- *long-...*: players of HLS, all at once, for a minute, then while the encoder is gone for a second, then while the
  server restarts. None stalls.

What fails while a virtual machine loses its processors to others, as the kernel counts it, is tried again, twice at most.

{matrix}

Clients of the files, and browsers:

{others}

## Devices

What cannot be run here does something that others do not. This is what is known of each, and the test that does the same.

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
            for case in cases if case.word not in matrix.CLIENTS or not matrix.CLIENTS[case.word].title]
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
