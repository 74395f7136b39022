"""Clients that take the stream: over RTMP, from the recording, over HLS."""

import re
import statistics
import time

from . import flv, publishers
from .lab import Failure, run_to_end, wait

QUIET = 1.5  # seconds without a byte after which a player has all there is
# Every picture once, at its own time, as a hash.
DECODE_EXACTLY = ["-vsync", "passthrough", "-enc_time_base", -1, "-f", "framehash", "-hash", "md5"]
HELD_BACK = 8  # pictures that ffplay's decoder threads keep until the end of the stream, which does not come
DUMMY_SCREEN = {"SDL_VIDEODRIVER": "dummy", "SDL_AUDIODRIVER": "dummy"}


class Client:
    """One that takes part in a broadcast: begins before it or in its middle, and is judged after it."""

    def __init__(self, broadcast, case):
        self.broadcast, self.case, self.lab = broadcast, case, broadcast.lab
        self.label = case.name.replace("/", ".")
        self.path = self.lab.folder / f"{self.label}.flv"
        self.start()

    def start(self):
        """Begins to take the stream."""

    def finish(self):
        """Raises Failure, or returns a line about what was received."""
        raise NotImplementedError


class Player(Client):
    """A process that plays a stream over RTMP into a file."""

    keeps_order = True
    codes = (0,)  # at its own end or at SIGINT

    def command(self, url):
        raise NotImplementedError

    def start(self):
        self.process = self.lab.run(self.label, self.command(self.broadcast.url))

    def finish(self):
        stop(self.process, self.is_done, self.codes)
        received = flv.read(self.path)
        published = self.expected(self.broadcast.published(), received)
        expect = flv.expect_suffix if self.case.joins_late else flv.expect_all
        note = expect(published, received)
        if self.case.joins_late and len(flv.frames(received)) == len(flv.frames(published)):
            raise Failure("it came late and has everything")
        if self.keeps_order:
            flv.expect_order(published, received)
        return note

    def is_done(self):
        """Whether nothing more comes: its file no longer grows."""
        changed = self.path.stat().st_mtime if self.path.exists() else 0
        return time.time() - max(changed, self.broadcast.ended_at) > QUIET

    def expected(self, published, _received):
        """What the client should have got of what was published."""
        return published


class Ffmpeg(Player):
    keeps_order = False  # its muxer sorts the packets

    def command(self, url):
        # An interrupted ffmpeg does not write what its muxer still holds; one that waits in vain does.
        return ["ffmpeg", "-v", "warning", "-rw_timeout", 2_000_000, "-i", url, "-c", "copy", self.path]

    def is_done(self):
        return False  # it ends by itself


class RtmpDump(Player):
    codes = (0, 2)  # 2: it cannot know whether there was more

    def command(self, url):
        return ["rtmpdump", "--live", "-r", url, "-o", self.path]


class Rtmp2Src(Player):
    def command(self, url):
        return ["gst-launch-1.0", "-e", "-q", "rtmp2src", f"location={url}", "!", "filesink", f"location={self.path}"]

    def expected(self, published, received):
        """rtmp2src 1.22 may drop the packet it holds when the end of the stream comes right behind it."""
        last = flv.frames(published)[-1]
        lost = flv.frames(received)[-1].payload != last.payload
        return [tag for tag in published if tag is not last] if lost else published


class Ffplay(Client):
    """Decodes and shows, to a screen and a loudspeaker that are not there."""

    def start(self):
        self.process = self.lab.run(self.label, ffplay(self.broadcast.url), DUMMY_SCREEN)

    def finish(self):
        stop(self.process, self.is_done, codes=(0, 123))
        # How late a late one is depends on how busy the machine is.
        return judge_ffplay(self.process, publishers.FRAMES // (4 if self.case.joins_late else 1) - HELD_BACK)

    def is_done(self):
        """Whether it has shown what it had received."""
        states = ffplay_states(self.process.output())
        drained = bool(states) and all(audio == video == 0 for _, audio, video in states[-10:])
        return drained and time.time() - self.broadcast.ended_at > QUIET


class Recording(Client):
    """The file on the server's disk."""

    def finish(self):
        path = self.broadcast.recording()
        published = self.broadcast.published()
        wait(5, "the recording's duration", lambda: flv.metadata(flv.read(path)).get("duration"))
        tags = flv.read(path)
        note = flv.expect_all(published, tags, "recorded")
        flv.expect_order(published, tags)
        expect_index(tags)
        return note


class Seek(Client):
    """ffmpeg finds pictures in the recording by their time."""

    def finish(self):
        pictures = self.decode([], [])
        for at in (0.5, 3.0, 7.3):
            found = self.decode(["-ss", at], ["-frames:v", 1])[0]
            if found not in pictures or not at <= found[0] < at + 0.2:
                raise Failure(f"-ss {at} finds a picture of {found[0]} s, or one that is not in the file")
        return "ffmpeg -ss finds the right pictures"

    def decode(self, before, after):
        path = self.lab.folder / f"{self.label}.framehash"
        run_to_end(["ffmpeg", "-y", "-v", "error", *before, "-i", self.broadcast.recording(), "-map", "0:v",
                    "-copyts", *DECODE_EXACTLY, *after, path], self.lab.folder)
        return read_hashes(path)[0]


class PlayRecording(Client):
    """ffplay plays the recording, from the middle."""

    def finish(self):
        process = self.lab.run(self.label, ffplay(self.broadcast.recording(), "-ss", 4), DUMMY_SCREEN)
        process.expect_success(20)
        return judge_ffplay(process, publishers.FRAMES // 2)


class Hls(Client):
    """ffmpeg plays the playlist while it grows; it must decode to what the clip decodes to."""

    def start(self):
        playlist = f"hls/{self.broadcast.name}.m3u8"
        wait(10, "the playlist", lambda: self.lab.get(playlist))
        self.path = self.lab.folder / f"{self.label}.framehash"
        self.process = self.lab.run(self.label, self.decode(self.lab.http(playlist), self.path, "-live_start_index", 0))

    def decode(self, source, to, *options):
        return ["ffmpeg", "-y", "-v", "warning", "-xerror", "-err_detect", "explode", *options, "-i", source,
                "-map", "0:v", "-map", "0:a", "-copyts", *DECODE_EXACTLY, to]

    def finish(self):
        self.process.expect_success(20)
        if error := re.search(r"(?i).*\b(error|invalid|corrupt|discontinu).*", self.process.output()):
            raise Failure(error[0])
        reference = self.lab.folder / "clip.framehash"
        run_to_end(self.decode(self.broadcast.clip.flv, reference), self.lab.folder)
        return judge_frames(read_hashes(reference), read_hashes(self.path))


class HlsTimes(Client):
    """In the fragments, the decoding time of each track only ever grows: browsers insist on it."""

    def finish(self):
        playlist = f"hls/{self.broadcast.name}.m3u8"
        wait(5, "the playlist's end", lambda: b"ENDLIST" in (self.lab.get(playlist) or b""))
        output = run_to_end(["ffprobe", "-v", "error", "-show_entries", "packet=stream_index,dts", "-of", "csv=p=0",
                             self.lab.http(playlist)], self.lab.folder)
        last, faults, count = {}, [], 0
        for line in filter(None, output.splitlines()):
            track, dts = map(int, line.split(",")[:2])
            if dts <= last.get(track, -1):
                faults.append(f"track {track}: {dts} after {last[track]}")
            last[track], count = dts, count + 1
        if faults:
            raise Failure(f"times go back (90 kHz): {'; '.join(faults)}")
        return f"the times of {count} packets grow"


def ffplay(*arguments):
    """Every picture, also when the machine is too busy to show it in time: each is to be counted."""
    return ["ffplay", "-hide_banner", "-autoexit", "-stats", "-noframedrop", "-vf", "showinfo=checksum=0", *arguments]


def stop(process, is_done, codes):
    """Waits until a player has all there is, and interrupts it: it does not know that the stream is over."""
    wait(20, f"{process.name} to have received all", lambda: process.ended() or is_done())
    if (code := process.interrupt_until_ended(10)) not in codes:
        raise Failure(f"{process.name} ends with {code}: {process.last_words()}")


def ffplay_states(output):
    """What ffplay says again and again: sound minus picture in seconds, kilobytes queued of both."""
    found = re.findall(r"A-V: *(-?\d+\.\d+) fd= *\d+ aq= *(\d+)KB vq= *(\d+)KB", output)
    return [(float(apart), int(audio), int(video)) for apart, audio, video in found]


def judge_ffplay(process, pictures):
    """How many pictures it has shown, and their usual distance from the sound while there was any."""
    output = process.output()
    if error := re.search(r"(?i).*\b(error|invalid|corrupt).*", output):
        raise Failure(error[0])
    shown = len(re.findall(r"showinfo.* n: *\d+ pts:", output))
    distances = [abs(apart) for apart, audio, _ in ffplay_states(output) if audio]
    if not distances:
        raise Failure(f"ffplay plays no picture with sound: {process.last_words()}")
    usual = statistics.median(distances)
    note = f"{shown} pictures shown, {usual:.3f} s from the sound"
    if shown < pictures or usual > 0.1:
        raise Failure(note)
    return note


def expect_index(tags):
    """Duration, and an index that leads to every key frame."""
    about = flv.metadata(tags)
    end = flv.frames(tags)[-1].time / 1000
    if abs(about["duration"] - end) > 0.1:
        raise Failure(f"the duration is {about['duration']} s, the last packet's time is {end} s")
    keys = {tag.position: tag.time / 1000 for tag in flv.frames(tags) if tag.is_key()}
    index = about.get("keyframes") or {}
    listed = dict(zip(map(int, index.get("filepositions", [])), index.get("times", [])))
    if listed != keys:
        raise Failure(f"the index lists {listed}, the key frames are {keys}")


def read_hashes(path):
    """What ffmpeg's framehash says, by track: (time in seconds, hash), in order."""
    bases, tracks = {}, {"0": [], "1": []}
    for line in path.read_text().splitlines():
        if line.startswith("#tb "):
            track, base = line[4:].split(": ")
            bases[track] = float(base.split("/")[0]) / float(base.split("/")[1])
        elif line and not line.startswith("#"):
            track, _, pts, _, _, digest = (part.strip() for part in line.split(","))
            tracks[track].append((int(pts) * bases[track], digest))
    return tracks["0"], tracks["1"]


def judge_frames(published, received):
    """All pictures and all sound, each exactly as in the clip, and the two in step as there."""
    for name, want, have in zip(("pictures", "blocks of sound"), published, received):
        if [digest for _, digest in want] != [digest for _, digest in have]:
            raise Failure(f"{len(have)} {name} decoded, {len(want)} in the clip, not the same")
    apart, in_clip = ((video[0][0] - audio[0][0]) for video, audio in (received, published))
    if abs(apart - in_clip) > 0.02 or abs(apart) > 0.1:
        raise Failure(f"the picture starts {apart:.3f} s after the sound, in the clip {in_clip:.3f} s")
    return f"{len(received[0])} pictures and {len(received[1])} blocks of sound as in the clip, {apart * 1000:.0f} ms apart"


PLAYERS = {"ffmpeg": Ffmpeg, "rtmpdump": RtmpDump, "rtmp2src": Rtmp2Src, "ffplay": Ffplay}
