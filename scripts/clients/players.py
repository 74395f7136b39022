"""Clients that play the stream over RTMP, and over HTTP-FLV."""

import json
import os
import pathlib
import re
import shutil
import statistics
import sys
import time

from . import amf, clips, compare, flv
from .certificates import is_encrypted
from .lab import FFMPEG9, Failure, address, escape, run_to_end, wait

NOTHING_MORE = 3_000_000  # microseconds without a byte after which players through FFmpeg's library give up
COPY_ALL = ["-map", "0:v?", "-map", "0:a?", "-c", "copy"]
QUIET = 1.5  # seconds without a byte after which a player has all there is
SERVER_SAYS = amf.encode("|RtmpSampleAccess")  # a data message that no publisher has sent
LAG = 200  # milliseconds, of of a GOP of 1000, by which a busy machine may be late with frames
HELD_BACK = 8  # frames that a player's decoder keeps until the end of the stream, which is not sent
VLC_COUNTS = ("frames displayed", "frames lost", "buffers played", "demux corrupted", "discontinuities")
# GnuTLS's words for a player that gives up, as it is to: nothing more has come.
GIVES_UP = r".*\btls\b.*(Error in the pull function|IO error: Connection timed out|session has been invalidated).*"
DUMMY_SCREEN = {"SDL_VIDEODRIVER": "dummy", "SDL_AUDIODRIVER": "dummy"}


class Client:
    """One that takes part in a broadcast: begins before it or in its middle, and is judged after it."""

    title = ""  # as the table names it
    plays = False  # whether it asks for the stream by RTMP or HTTP-FLV

    def __init__(self, broadcast, case):
        self.broadcast, self.case, self.lab = broadcast, case, broadcast.lab
        self.authority = self.lab.authority
        self.label = case.name.replace("/", ".")
        self.path = self.lab.folder / f"{self.label}.flv"
        self.start()

    @property
    def url(self):
        """What it plays."""
        return self.broadcast.url

    def start(self):
        """Begins to take the stream."""

    def finish(self):
        """Raises Failure, or returns a line about what was received."""
        raise NotImplementedError


class Player(Client):
    """A process that plays a stream into a file."""

    plays = True
    keeps_order = True
    codes = (0,)  # at its own end or at SIGINT

    def command(self, url):
        raise NotImplementedError

    def start(self):
        self.process = self.lab.run(self.label, self.authority.trusted(self.command(self.url), self.url))

    def finish(self):
        stop(self.process, self.is_done, self.codes)
        received = flv.read(self.path)
        published = self.expected(self.broadcast.published(), received)
        note = self.judge(published, received)
        if self.case.joins_late and len(flv.frames(received)) == len(flv.frames(published)):
            raise Failure("it came late and has everything")
        return note

    def judge(self, published, received):
        expect = compare.expect_suffix if self.case.joins_late else compare.expect_all
        rounding = self.broadcast.publisher.rounding
        note = expect(published, received, rounding=rounding)
        if self.keeps_order and self.broadcast.publisher.is_exact:
            compare.expect_order(published, received)
        return note

    def is_done(self):
        """Whether nothing more comes: its file no longer grows."""
        changed = self.path.stat().st_mtime if self.path.exists() else 0
        return time.time() - max(changed, self.broadcast.ended_at) > QUIET

    def expected(self, published, _received):
        """What the client should have got of what was published."""
        return published


class Raw(Player):
    """A player of our own, which keeps every message. If it joins late, it must get the last key frame."""

    title = "every message"

    def command(self, url):
        authority = [self.authority.file] if is_encrypted(url) else []
        return [sys.executable, pathlib.Path(__file__).parent / "play.py", self.path, *address(url), *authority]

    def judge(self, published, received):
        received = [tag for tag in received if not tag.payload.startswith(SERVER_SAYS)]
        if self.broadcast.publisher.is_exact:
            rounding = self.broadcast.publisher.rounding
            note = compare.expect_messages(published, received, self.case.joins_late, rounding)
        else:
            note = super().judge(published, received)
        if not self.case.joins_late:
            return note
        age = int(re.search(r"first frame (-?\d+) ms", self.process.output())[1])
        if age < -LAG:
            raise Failure(f"it waited {-age} ms for a video frame: the last key frame was not kept for it")
        return f"{note}, from {age} ms before it came"

    def is_done(self):
        return False  # it ends by itself


class Metadata(Raw):
    """The same player: what it knows about the stream before its first video frame."""

    title = "metadata"

    def judge(self, published, received):
        first = next(number for number, tag in enumerate(received) if tag.is_key())
        return compare.expect_metadata(published, received[first::-1])


class Ffmpeg(Player):
    """ffmpeg, which unpacks the stream and packs it again."""

    title = "ffmpeg 5.1"
    program = "ffmpeg"
    keeps_order = False  # its muxer sorts the packets

    def command(self, url):
        # An interrupted ffmpeg does not write what its muxer still holds; one that waits in vain does.
        return [self.program, "-v", "warning", "-rw_timeout", NOTHING_MORE, *self.authority.options(url),
                "-i", url, *COPY_ALL, self.path]

    def is_done(self):
        return False  # it ends by itself


class Ffmpeg9(Ffmpeg):
    """FFmpeg with Enhanced RTMP. It makes its own descriptions of colours of those it gets."""

    title = "FFmpeg 9"
    program = FFMPEG9

    def expected(self, published, _received):
        """What it makes of a file with the same tags."""
        source, copy = self.path.with_suffix(".published.flv"), self.path.with_suffix(".expected.flv")
        flv.write(source, published)
        run_to_end([FFMPEG9, "-v", "error", "-i", source, *COPY_ALL, copy], self.lab.folder)
        return flv.read(copy)

    def judge(self, published, received):
        """It makes an empty packet from a MultichannelConfig in front of the first frame."""
        return super().judge(published, [tag for tag in received if not tag.is_frame() or tag.payload[5:]])


class RtmpDump(Player):
    title = "rtmpdump"
    codes = (0, 2)  # 2: it cannot know whether there was more

    def command(self, url):
        return ["rtmpdump", "--live", "-r", url, "-o", self.path]


class Rtmp2Src(Player):
    title = "rtmp2src"

    def command(self, url):
        return ["gst-launch-1.0", "-e", "-q", "rtmp2src", f"location={url}", "!", "filesink", f"location={self.path}"]

    def expected(self, published, received):
        """rtmp2src 1.22 may drop the packet it holds when the end of the stream comes right behind it."""
        last = flv.frames(published)[-1]
        lost = flv.frames(received)[-1].payload != last.payload
        return [tag for tag in published if tag is not last] if lost else published


class Watcher(Client):
    """Decodes and shows, to a screen and a loudspeaker that are not there."""

    plays = True
    codes = (0,)

    def library_options(self):
        """What a player that uses FFmpeg's library is to tell it."""
        options = {"rw_timeout": NOTHING_MORE, **self.authority.settings(self.url)}
        return ",".join(f"{name}={value}" for name, value in options.items())

    def wanted(self):
        """How many frames it must show. How late it joins depends on how busy the machine is."""
        return clips.FRAMES // (4 if self.case.joins_late else 1) - HELD_BACK


class Ffplay(Watcher):
    """ffplay, which prints how far audio and video are apart."""

    title = "ffplay"

    def start(self):
        self.process = self.lab.run(self.label, ffplay(*self.authority.options(self.url), self.url), DUMMY_SCREEN)

    def finish(self):
        stop(self.process, self.is_done, codes=(0, 123))
        return judge_ffplay(self.process, self.wanted())

    def is_done(self):
        """Whether it has shown what it had received."""
        states = ffplay_states(self.process.output())
        drained = bool(states) and all(audio == video == 0 for _, audio, video in states[-10:])
        return drained and time.time() - self.broadcast.ended_at > QUIET


class Mpv(Watcher):
    """mpv, with a filter that prints a line for every frame."""

    title = "mpv"

    def start(self):
        self.process = self.lab.run(self.label, [
            "mpv", "--no-config", "--vo=null", "--ao=null", "--framedrop=no", "--vf=lavfi=[showinfo=checksum=0]",
            "--msg-level=all=warn,ffmpeg=v,statusline=status", "--term-status-msg=apart ${avsync} ",
            f"--stream-lavf-o={self.library_options()}", self.url])

    def finish(self):
        stop(self.process, lambda: False, self.codes)
        output = self.process.output()
        expect_no_complaint(output)
        return judge_pictures(output, re.findall(r"apart +(-?\d+\.\d+)", output), self.wanted())


class Vlc(Watcher):
    """VLC, which is asked for its counts again and again: at the end it forgets them."""

    title = "VLC"
    commands = "true"  # of the shell, which tell it what to do before it is asked

    def start(self):
        home = self.lab.folder / f"{self.label}.home"
        home.mkdir()
        user = []
        if os.getuid() == 0:  # VLC refuses to be root
            shutil.chown(home, "nobody")
            user = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
        ask = f'{{ {self.commands}; while sleep 0.5; do echo stats; done; }} | cvlc "$@"'
        self.process = self.lab.run(self.label, [
            *user, "sh", "-c", ask, "ask", "-I", "oldrc", "--rc-fake-tty", "--vout", "dummy", "--aout", "dummy",
            "--play-and-exit", "--avio-options", f"{{{self.library_options()}}}", self.url],
            {"HOME": str(home), "XDG_RUNTIME_DIR": str(home)})

    def finish(self):
        stop(self.process, lambda: False, self.codes)
        output = self.process.output()
        counts = {name: max(map(int, re.findall(rf"{name} *: *(\d+)", output)), default=0) for name in VLC_COUNTS}
        note = ", ".join(f"{count} {name}" for name, count in counts.items())
        # It gives up what its buffers of up to two seconds hold when the stream ends.
        decoded = counts["frames displayed"] + counts["frames lost"]
        if decoded < self.wanted() - 2.5 * clips.FRAME_RATE or not counts["buffers played"]:
            raise Failure(note)
        # Lost is what was decoded too late to be shown, as happens on a busy machine.
        if counts["demux corrupted"] or counts["discontinuities"] or counts["frames lost"] > clips.FRAMES // 10:
            raise Failure(note)
        return f"{counts['frames displayed']} frames shown, {counts['frames lost']} too late"


class Curl(Player):
    """curl, which keeps every byte of an answer."""

    title = "HTTP-FLV"

    def command(self, url):
        return ["curl", "-sS", "--fail-with-body", "-o", self.path, url]

    def is_done(self):
        return False  # it ends by itself


class Ffprobe(Client):
    """ffprobe: what it says of the stream it says of the published file."""

    plays = True
    command = ("ffprobe", "-v", "error", "-of", "json", "-show_entries",
               "stream=codec_type,codec_name,profile,width,height,sample_rate,channels,extradata_size")

    def start(self):
        self.process = self.lab.run(self.label, [*self.command, self.url])

    def finish(self):
        self.process.expect_success(20)
        published = self.path.with_suffix(".published.flv")
        flv.write(published, self.broadcast.published())
        want = sorted(map(str, json.loads(run_to_end([*self.command, published], self.lab.folder))["streams"]))
        have = sorted(map(str, json.loads(self.process.output().split("\n", 1)[1])["streams"]))
        if want != have:
            raise Failure(f"{have}; of the published file {want}")
        return ", ".join(have)


def over_http(kind, location=""):
    """The same over HTTP-FLV, from a location of the server: over HTTPS if the publisher is encrypted, too."""
    def url(self):
        scheme = "https" if self.broadcast.publisher.scheme == "rtmps" else "http"
        return self.lab.http(f"{location}{self.broadcast.application}/{escape(self.broadcast.stream)}.flv", scheme)

    def expected(self, published, received):
        """A player begins with a picture, when it is known which tracks there are: without the sound before that."""
        first = next((number for number, tag in enumerate(published) if tag.kind == flv.VIDEO and tag.is_frame()), 0)
        heard = [tag for tag in published[:first] if not tag.is_frame()]
        return kind.expected(self, [*heard, *published[first:]], received)
    title = kind.title if kind is Curl else ""
    own = {"expected": expected} if issubclass(kind, Player) else {}
    return type(f"{kind.__name__}OverHttp", (kind,), {"url": property(url), "title": title, **own})


def ffplay(*arguments):
    """Options to show every frame, also if the machine is too busy to show it in time, because each is counted."""
    return ["ffplay", "-hide_banner", "-autoexit", "-stats", "-noframedrop", "-vf", "showinfo=checksum=0", *arguments]


def stop(process, is_done, codes):
    """Waits until a player has all there is, and interrupts it: it does not know that the stream is over."""
    wait(20, f"{process.name} to have received all", lambda: process.ended() or is_done())
    if (code := process.interrupt_until_ended(10)) not in codes:
        raise Failure(f"{process.name} ends with {code}: {process.last_words()}")


def ffplay_states(output):
    """The status lines of ffplay: audio minus video in seconds, and the kilobytes in the queues of both."""
    found = re.findall(r"A-V: *(-?\d+\.\d+) fd= *\d+ aq= *(\d+)KB vq= *(\d+)KB", output)
    return [(float(apart), int(audio), int(video)) for apart, audio, video in found]


def judge_ffplay(process, pictures, most=None):
    """How many frames it has shown, which may be too many, and how far audio and video were apart (the median)."""
    output = process.output()
    expect_no_complaint(output)
    distances = [abs(apart) for apart, audio, _ in ffplay_states(output) if audio]
    return judge_pictures(output, distances, pictures, most)


def expect_no_complaint(output):
    output = re.sub(GIVES_UP, "", output)
    if error := re.search(r"(?i).*\b(error|invalid|corrupt).*", output):
        raise Failure(error[0].rsplit("\r", 1)[-1][-200:])


def judge_pictures(output, distances, pictures, most=None):
    """Judges by the lines of the filter showinfo, and by how far apart audio and video are for the player."""
    shown = len(re.findall(r"showinfo.* n: *\d+ pts:", output))
    if not distances:
        raise Failure(f"it shows {shown} frames and plays no audio")
    usual = statistics.median(abs(float(apart)) for apart in distances)
    note = f"{shown} frames shown, audio and video {usual:.3f} s apart"
    if shown < pictures or usual > 0.1:
        raise Failure(f"{note}; expected were {pictures} frames, and less than 0.1 s")
    if most and shown > most:
        raise Failure(f"{note}; expected were {most} frames at most")
    return note


PLAYERS = {
    "raw": Raw, "metadata": Metadata, "ffmpeg9": Ffmpeg9, "ffmpeg": Ffmpeg, "rtmpdump": RtmpDump, "rtmp2src": Rtmp2Src,
    "ffplay": Ffplay, "mpv": Mpv, "vlc": Vlc,
    **{f"flv-{word}": over_http(kind, "raw/") for word, kind in (("curl", Curl), ("ffmpeg", Ffmpeg), ("ffmpeg9", Ffmpeg9))},
    **{f"flv-{word}": over_http(kind) for word, kind in (
        ("ffplay", Ffplay), ("ffprobe", Ffprobe), ("mpv", Mpv), ("vlc", Vlc))},
}
