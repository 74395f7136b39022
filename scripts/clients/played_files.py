"""Files played over RTMP: clients get what is in them, from the beginning, from a seek on, and a part; under every name
that they send.
"""

import os
import re
from typing import NamedTuple

from . import flv, packets, players
from .clips import FRAMES, FRAME_RATE, GOP, SECONDS
from .lab import FFMPEG9, Failure, run_to_end

NAME = "play-files"  # in place of the publisher
APPLICATION = "vod"
SEEK = 5.5  # seconds; there is a key frame each second
START, STOP = 3.5, 6  # seconds
AT_ONCE = 60_000  # milliseconds of a client's buffer that take a whole file
PATIENCE = 30
PAUSE = 1  # seconds that VLC pauses


class File(NamedTuple):
    """How a file is packed from clips."""
    clips: list
    suffix: str = "flv"
    before: tuple = ()
    options: tuple = ()


H264, HEVC, AV1, VP9 = "h264+aac", "hevc+aac", "av1+aac", "vp9+opus"
FILES = {
    "flv": File([H264]),
    "flv-index": File([H264], options=("-flvflags", "add_keyframe_index")),
    "flv-hevc": File([HEVC]),
    "flv-av1": File([AV1]),
    "flv-vp9-opus": File([VP9]),
    "mp4": File([H264], "mp4"),
    "mp4-front": File([H264], "mp4", options=("-movflags", "faststart")),
    "mp4-fragments": File([H264], "mp4", options=("-movflags", "frag_keyframe+empty_moov")),
    "mp4-hevc": File([HEVC], "mp4", options=("-tag:v", "hvc1")),
    "mp4-av1-opus": File([AV1, VP9], "mp4", options=("-map", "0:v", "-map", "1:a")),
    "mp4-mp3": File(["h264+mp3"], "mp4"),
    "mp4-edit": File([H264], "mp4", before=("-ss", 2.52)),  # the list of edits hides what is before the cut
}
LENGTHS = {"mp4-edit": 5.48}  # in seconds, where it is another one than that of the clip
BELOW = ("flv", "mp4")  # which are also in a folder of their own
NAMES = {  # by a word: as clients send them, and the file
    "named-bare": ("flv", "flv"), "named-suffix": ("flv.flv", "flv"), "named-flv": ("flv:flv", "flv"),
    "named-flv-suffix": ("flv:flv.flv", "flv"), "named-mp4": ("mp4:mp4", "mp4"), "named-mp4-suffix": ("mp4:mp4.mp4", "mp4"),
    "named-suffix-mp4": ("mp4.mp4", "mp4"), "named-folder": ("below/flv", "flv"), "named-folder-suffix": ("below/flv.flv", "flv"),
    "named-folder-mp4": ("mp4:below/mp4.mp4", "mp4"),
}


class Played:
    """A client of a file; for the players, this is the broadcast."""

    def __init__(self, lab, case):
        self.lab, self.case = lab, case
        self.label = case.name.replace("/", ".")
        self.source = path_of(lab, case.clip)
        self.url = lab.url(self.source.name, APPLICATION)
        self.path = lab.folder / f"{self.label}.flv"
        self.start()

    def start(self):
        self.process = self.lab.run(self.label, self.command())

    def command(self):
        raise NotImplementedError

    def finish(self):
        raise NotImplementedError


class Ffmpeg(Played):
    """FFmpeg, which takes all of it at once."""

    program, options = FFMPEG9, ("-rtmp_buffer", AT_ONCE)

    def command(self):
        self.path = self.path.with_suffix(".framehash")
        return packets.unpack(self.program, self.url, self.path, *self.options)

    def both(self):
        """Those of the file, and those that it got."""
        self.process.expect_success(PATIENCE)
        source = self.path.with_suffix(".source.framehash")
        run_to_end(packets.unpack(self.program, self.source, source), self.lab.folder)
        return source, self.path

    def finish(self):
        return packets.expect_same(*self.both())


class FfmpegInTime(Ffmpeg):
    """ffmpeg as it is installed, which has its media three seconds before they are due."""

    program, options = "ffmpeg", ()


class FfmpegSeek(Ffmpeg):
    """FFmpeg with -ss: the file from the key frame on that is at or before that time."""

    options = ("-ss", SEEK, "-rtmp_buffer", 500)

    def finish(self):
        return packets.expect_from(*self.both(), SEEK * 1000, GOP)


class RtmpDump(Played):
    """rtmpdump, which has a buffer of ten hours."""

    options = ()

    def command(self):
        name = NAMES[self.case.clip][0] if self.case.clip in NAMES else self.source.name
        return ["rtmpdump", "-q", "-r", self.lab.url("", APPLICATION), "-y", name, "-o", self.path, *self.options]

    def received(self):
        """It says that something is missing if the last packet begins before 99.9 % of the duration."""
        if (code := self.process.wait(PATIENCE)) not in (0, 2):
            raise Failure(f"rtmpdump ends with {code}: {self.process.last_words()}")
        return media(flv.read(self.path))

    def expect_duration(self):
        """In the metadata, whatever part it has got."""
        duration = flv.metadata(flv.read(self.path)).get("duration", 0)
        if abs(duration - LENGTHS.get(self.case.clip, SECONDS)) > 0.2:
            raise Failure(f"the metadata says {duration} s")

    def finish(self):
        received = self.received()
        self.expect_duration()
        if self.source.suffix == ".flv":
            return expect_tags(media(flv.read(self.source)), received)
        mine, source = self.path.with_suffix(".framehash"), self.path.with_suffix(".source.framehash")
        for of, to in ((self.path, mine), (self.source, source)):
            run_to_end(packets.unpack(FFMPEG9, of, to), self.lab.folder)
        return packets.expect_same(source, mine)


class RtmpDumpPart(RtmpDump):
    """From a time between two key frames to another. It adds the start to the times that it gets: those count from there."""

    options = ("--start", START, "--stop", STOP)

    def finish(self):
        start, stop = int(START * 1000), int(STOP * 1000)
        tags = media(flv.read(self.source))
        headers = [tag for tag in tags if tag.is_header()]
        first = next(number for number, tag in reversed(list(enumerate(tags))) if tag.is_key() and tag.time <= start)
        part = [tag for tag in tags[first:] if tag.is_frame() and tag.time < stop]
        wanted = [tag._replace(time=max(tag.time, start)) for tag in headers + part]
        received = [tag for tag in self.received() if tag.time < stop]
        self.expect_duration()
        return expect_tags(wanted, received)


class RtmpDumpResume(RtmpDump):
    """It goes on with a file that ends in the middle: nothing is missing, and nothing is there twice."""

    def finish(self):
        whole = self.received()
        at = next(tag.position for tag in flv.read(self.path) if tag.time >= SEEK * 1000)
        with self.path.open("r+b") as file:
            file.truncate(at)
        self.process = self.lab.run(f"{self.label}.resume", [*self.command(), "--resume"])
        return f"{expect_tags(whole, self.received())}, of which it had {at} bytes"


class Rtmp2Src(Played):
    """GStreamer's own client, which loses the last packet if the end of the stream comes right behind it."""

    command = lambda self: gstreamer("rtmp2src", self.url, self.path)

    def finish(self):
        self.process.expect_success(PATIENCE)
        want, have = media(flv.read(self.source)), media(flv.read(self.path))
        return expect_tags(want[:len(have)] if len(want) - len(have) == 1 else want, have)


class RtmpSrc(Played):
    """librtmp in GStreamer, which would play from the beginning again and again: it stops at a number of bytes."""

    def command(self):
        blocks = self.source.stat().st_size // 4096
        return gstreamer("rtmpsrc", self.url, self.path, f"num-buffers={blocks}", "blocksize=4096")

    def finish(self):
        self.process.expect_success(PATIENCE)
        want, have = media(flv.read(self.source)), media(flv.read(self.path, torn=True))
        if len(have) < len(want) * 0.9:
            raise Failure(f"{len(have)} packets of {len(want)}")
        return expect_tags(want[:len(have)], have)


class Watched(Played):
    """A player that shows the file."""

    kind = None

    def start(self):
        self.player = self.kind(self, self.case)

    def finish(self):
        return self.player.finish()


class Vlc(Watched):
    kind = players.Vlc


class PausedVlc(players.Vlc):
    commands = f"sleep 3; echo pause; sleep {PAUSE}; echo pause"


class VlcPaused(Watched):
    """VLC, which tells the server to pause: afterwards it shows what it has not shown before."""

    kind = PausedVlc

    def finish(self):
        note = super().finish()
        counts = [int(count) for count in re.findall(r"\d+", note)]
        if sum(counts) > FRAMES:
            raise Failure(f"{note}, of {FRAMES}")
        if not re.search(r"asks for Pause\n(.|\n)*asks for Unpause\n", self.lab.server_log()):
            raise Failure("it has not told the server to pause")
        return f"{note}, {PAUSE} s of pause"


class FfplaySeek(Played):
    """ffplay, from the middle on."""

    def start(self):
        command = players.ffplay("-ss", SEEK, self.url)
        self.process = self.lab.run(self.label, command, players.DUMMY_SCREEN)

    def finish(self):
        self.process.expect_success(PATIENCE)
        return players.judge_ffplay(self.process, FRAMES - int(SEEK * FRAME_RATE) - players.HELD_BACK, FRAMES - int(SEEK) * FRAME_RATE)


def gstreamer(element, url, path, *settings):
    return ["gst-launch-1.0", "-e", "-q", element, f"location={url}", *settings, "!", "filesink", f"location={path}"]


def media(tags):
    """Video and audio, without the mark at the end of a track, which is no message of its own in RTMP."""
    return [tag for tag in tags if tag.is_frame() or tag.is_header()]


def expect_tags(want, have):
    """The same messages with the same times."""
    for number, (a, b) in enumerate(zip(want, have)):
        if (a.kind, a.time, a.payload) != (b.kind, b.time, b.payload):
            raise Failure(f"packet {number} of {len(have)}, at {b.time} ms, is not that of the file, at {a.time} ms")
    if len(want) != len(have):
        raise Failure(f"{len(have)} packets, {len(want)} in the file")
    return f"{len(have)} packets as in the file, from {have[0].time} to {have[-1].time} ms"


CLIENTS = {
    "ffmpeg": FfmpegInTime, "ffmpeg9": Ffmpeg, "ffmpeg9-seek": FfmpegSeek, "ffplay-seek": FfplaySeek, "rtmpdump": RtmpDump,
    "rtmpdump-part": RtmpDumpPart, "rtmpdump-resume": RtmpDumpResume, "rtmp2src": Rtmp2Src, "rtmpsrc": RtmpSrc, "vlc": Vlc,
    "vlc-paused": VlcPaused,
}
EVERY = ["ffmpeg9", "ffmpeg9-seek", "rtmpdump"]
MORE = {
    "flv": ["vlc-paused", "ffmpeg", "ffplay-seek", "rtmpdump-part", "rtmpdump-resume", "rtmp2src", "rtmpsrc"],
    "flv-index": ["rtmpdump-part"],
    "mp4": ["vlc", "ffmpeg", "rtmpdump-resume"],
    "mp4-front": ["ffplay-seek"],
}
CASES = [(file, word) for file in FILES for word in [*MORE.get(file, []), *EVERY]] + [(name, "rtmpdump") for name in NAMES]


def sources(cases):
    """The clips that cases need."""
    return {clip for case in cases if case.publisher == NAME for clip in file_of(case.clip)[1].clips}


def file_of(name):
    """A file by its name, or by a name that a client sends, and how it is made."""
    word = NAMES[name][1] if name in NAMES else name
    return word, FILES[word]


def path_of(lab, name):
    word, file = file_of(name)
    return lab.folder / APPLICATION / f"{word}.{file.suffix}"


def make(lab, made, name):
    """Packs a file from its clips."""
    word, file = file_of(name)
    path, program = path_of(lab, name), made[file.clips[0]].recipe.program
    if path.exists():
        return
    path.parent.mkdir(exist_ok=True)
    inputs = [argument for clip in file.clips for argument in (*file.before, "-i", made[clip].path)]
    run_to_end([program, "-v", "error", *inputs, "-c", "copy", *file.options, path], lab.folder)
    os.utime(path, (0, 0))  # what has been written a moment ago may grow, and has no end yet
    if word in BELOW:
        below = path.parent / "below"
        below.mkdir(exist_ok=True)
        (below / path.name).hardlink_to(path)


def begin(lab, made, cases):
    """Starts all clients at the same time; keeps the reason if one does not start."""
    for case in cases:
        make(lab, made, case.clip)
    begun = []
    for case in cases:
        try:
            begun.append((case, case.client(lab, case)))
        except (Failure, OSError) as failure:
            begun.append((case, failure))
    return begun


def finish(begun, results):
    for case, client in begun:
        results.case(case.name, lambda client=client: judge(client))


def judge(client):
    if isinstance(client, Exception):
        raise client
    return client.finish()
