"""Clients that take the stream from files: the recording on the server's disk, and HLS."""

import re

from . import clips, compare, flv
from .lab import FFMPEG9, Failure, escape, run_to_end, wait
from .players import DUMMY_SCREEN, Client, ffplay, judge_ffplay

FOLDERS = {"live": "hls", "locked": "locked"}  # where an application's playlists are


def exactly(program):
    """Options that write one hash for every frame, with its own time. FFmpeg 9 has another name for the input's
    time base."""
    time_base = "demux" if program == FFMPEG9 else -1
    return ["-fps_mode", "passthrough", "-enc_time_base", time_base, "-f", "framehash", "-hash", "md5"]


class Recording(Client):
    """The file on the server's disk."""

    title = "recording"

    def finish(self):
        path, publisher = self.broadcast.recording(), self.broadcast.publisher
        published = self.broadcast.published()
        wait(5, "the recording's duration", lambda: flv.metadata(flv.read(path)).get("duration"))
        tags = flv.read(path)
        if publisher.is_exact:
            note = compare.expect_messages(published, tags, rounding=publisher.rounding)
        else:
            note = compare.expect_all(published, tags, "recorded", publisher.rounding)
        if any(tag.is_metadata() for tag in published):
            compare.expect_metadata(published, tags)
        expect_index(tags)
        return note


class PlayRecording(Client):
    """FFmpeg decodes the recording without an error, to what the published file decodes to."""

    title = "recording in FFmpeg 9"

    def finish(self):
        wait(5, "the recording's duration", lambda: flv.metadata(flv.read(self.broadcast.recording())).get("duration"))
        flv.write(self.path, self.broadcast.published())
        published, recorded = (self.decode(path) for path in (self.path, self.broadcast.recording()))
        if published != recorded:
            raise Failure(f"{len(recorded)} video and audio frames, not the {len(published)} published")
        return f"{len(recorded)} video and audio frames, the same as published"

    def decode(self, path):
        output = run_to_end([FFMPEG9, "-v", "error", "-xerror", "-i", path, "-map", "0:v", "-map", "0:a",
                             "-fps_mode", "passthrough", "-f", "framehash", "-hash", "md5", "-"], self.lab.folder)
        return [line.rsplit(",", 1)[-1].strip() for line in output.splitlines() if not line.startswith("#")]


class Seek(Client):
    """ffmpeg seeks in the recording by time."""

    def finish(self):
        pictures = self.decode([], [])
        for at in (0.5, 3.0, 7.3):
            found = self.decode(["-ss", at], ["-frames:v", 1])[0]
            if found not in pictures or not at <= found[0] < at + 0.2:
                raise Failure(f"-ss {at} finds a frame of {found[0]} s, or one that is not in the file")
        return "ffmpeg -ss finds the right frames"

    def decode(self, before, after):
        path = self.lab.folder / f"{self.label}.framehash"
        run_to_end(["ffmpeg", "-y", "-v", "error", *before, "-i", self.broadcast.recording(), "-map", "0:v",
                    "-copyts", *exactly("ffmpeg"), *after, path], self.lab.folder)
        return read_hashes(path)[0]


class FfplayRecording(Client):
    """ffplay plays the recording, from the middle."""

    def finish(self):
        process = self.lab.run(self.label, ffplay(self.broadcast.recording(), "-ss", 4), DUMMY_SCREEN)
        process.expect_success(20)
        return judge_ffplay(process, clips.FRAMES // 2)


class Hls(Client):
    """ffmpeg plays the playlist while it grows; it must decode to what the clip decodes to, on one time line. FFmpeg 9
    plays what only that can publish, so that both are decoded by the same.
    """

    title = "HLS in ffmpeg"

    def start(self):
        self.playlist = f"{FOLDERS[self.broadcast.application]}/{escape(self.broadcast.stream)}.m3u8"
        self.scheme = "https" if self.broadcast.publisher.scheme == "rtmps" else "http"
        wait(10, "the playlist", lambda: self.lab.get(self.playlist, self.scheme))
        self.path = self.lab.folder / f"{self.label}.framehash"
        self.process = self.lab.run(self.label,
                                    self.decode(self.lab.http(self.playlist, self.scheme), self.path, "-live_start_index", 0),
                                    self.authority.environment())

    def decode(self, source, to, *options):
        program = self.broadcast.clip.recipe.program
        return [program, "-y", "-v", "warning", "-xerror", "-err_detect", "explode", *options,
                *self.authority.options(str(source)), "-i", source,
                "-map", "0:v?", "-map", "0:a?", "-copyts", *exactly(program), to]

    def finish(self):
        self.process.expect_success(20)
        if error := re.search(r"(?i).*\b(error|invalid|corrupt|discontinu).*", self.process.output()):
            raise Failure(error[0])
        text = self.lab.get(self.playlist)
        if b"DISCONTINUITY" in text:
            raise Failure("the playlist has a discontinuity")
        keys = set(re.findall(rb'METHOD=AES-128,URI="([^"]+)"', text))
        if (self.broadcast.application == "locked") != (len(keys) > 1):
            raise Failure(f"the fragments are encrypted with {len(keys)} keys")
        reference, clip = self.path.with_suffix(".clip"), self.broadcast.clip
        run_to_end(self.decode(clip.flv(clip.recipe.program), reference), self.lab.folder)
        return judge_frames(read_hashes(reference), read_hashes(self.path))


class HlsTimes(Client):
    """In the fragments, the decoding time of each track only ever grows: browsers insist on it."""

    def finish(self):
        playlist = f"hls/{escape(self.broadcast.stream)}.m3u8"
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


def expect_index(tags):
    """Duration, and an index that leads to every key frame."""
    about = flv.metadata(tags)
    end = flv.frames(tags)[-1].time / 1000
    if abs(about["duration"] - end) > 0.1:
        raise Failure(f"the duration is {about['duration']} s, the last packet's time is {end} s")
    keys = {tag.position: tag.time / 1000 for tag in flv.frames(tags, (flv.VIDEO, 0)) if tag.is_key()}
    index = about.get("keyframes") or {}
    listed = dict(zip(map(int, index.get("filepositions", [])), index.get("times", [])))
    if listed != keys:
        raise Failure(f"the index lists {listed}, the key frames are {keys}")


def read_hashes(path):
    """What ffmpeg's framehash says, by kind of track: (time in seconds, hash), in order."""
    kinds, bases, tracks = {}, {}, {"video": [], "audio": []}
    for line in path.read_text().splitlines():
        if line.startswith("#media_type "):
            track, kind = line[12:].split(": ")
            kinds[track] = kind
        elif line.startswith("#tb "):
            track, base = line[4:].split(": ")
            bases[track] = float(base.split("/")[0]) / float(base.split("/")[1])
        elif line and not line.startswith("#"):
            track, _, pts, _, _, digest = (part.strip() for part in line.split(","))
            tracks[kinds[track]].append((int(pts) * bases[track], digest))
    return tracks["video"], tracks["audio"]


def judge_frames(published, received):
    """All video and all audio, exactly as in the clip, and equally far apart."""
    for name, want, have in zip(("video frames", "audio frames"), published, received):
        if [digest for _, digest in want] != [digest for _, digest in have]:
            raise Failure(f"{len(have)} {name} decoded, {len(want)} in the clip, not the same")
    pictures, sounds = map(len, received)
    note = f"{pictures} video frames and {sounds} audio frames as in the clip"
    if not pictures or not sounds:
        return note
    apart, in_clip = ((video[0][0] - audio[0][0]) for video, audio in (received, published))
    if abs(apart - in_clip) > 0.02 or abs(apart) > 0.1:
        raise Failure(f"video starts {apart:.3f} s after audio, in the clip {in_clip:.3f} s")
    return f"{note}, {apart * 1000:.0f} ms apart"
