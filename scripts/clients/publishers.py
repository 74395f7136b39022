"""Clients that publish the clip. Each knows what it has published, as FLV tags."""

import pathlib
import sys

from . import flv
from .lab import run_to_end

SECONDS, FRAME_RATE, GOP = 8, 25, 25
LONG_SECONDS = 80
FRAMES = SECONDS * FRAME_RATE


class Clip:
    """A picture with a clock and a frame number, and a tone: H.264 with B-frames, AAC; as MP4 and as FLV."""

    def __init__(self, folder):
        self.folder, self.mp4, self.flv = folder, folder / "clip.mp4", folder / "clip.flv"
        self.make(self.mp4, SECONDS)
        run_to_end(["ffmpeg", "-v", "error", "-i", self.mp4, "-c", "copy", "-f", "flv", self.flv], folder)

    def make(self, path, seconds):
        run_to_end(
            ["ffmpeg", "-v", "error",
             "-f", "lavfi", "-i", f"testsrc2=size=640x360:rate={FRAME_RATE}",
             "-f", "lavfi", "-i", "sine=frequency=440:beep_factor=4:sample_rate=44100", "-ac", 2,
             "-t", seconds, "-c:v", "libx264", "-profile:v", "main", "-preset", "ultrafast", "-bf", 2,
             "-g", GOP, "-sc_threshold", 0, "-pix_fmt", "yuv420p", "-b:v", "800k",
             "-c:a", "aac", "-b:a", "128k", path], self.folder, seconds=120)

    def long(self):
        """The same for as long as browsers may want to watch."""
        path = self.folder / "long.mp4"
        self.make(path, LONG_SECONDS)
        return path


class Publisher:
    """Publishes the clip once, in real time."""

    def __init__(self, lab, clip, name):
        self.lab, self.clip, self.url = lab, clip, lab.url(name)
        self.copy = lab.folder / f"{name}.published.flv"
        self.process = lab.run(f"{name}.publisher", self.command())

    def command(self):
        raise NotImplementedError

    def finish(self):
        self.process.expect_success(SECONDS + 15)

    def published(self):
        """The tags it has sent."""
        return flv.read(self.copy)


class Ffmpeg(Publisher):
    """As everyone types it."""

    def command(self):
        return ["ffmpeg", "-v", "warning", "-re", "-i", self.clip.mp4, "-c", "copy", "-f", "flv", self.url]

    def published(self):
        return flv.read(self.clip.flv)


class FfmpegLong(Publisher):
    """The long clip, until it is stopped."""

    def command(self):
        return ["ffmpeg", "-v", "warning", "-re", "-i", self.clip.long(), "-c", "copy", "-f", "flv", self.url]

    def finish(self):
        self.process.interrupt()
        self.process.wait(10)


class FfmpegLoop(Publisher):
    """The clip six times, four times as fast, with the uneven timestamps that ffmpeg makes where they join."""

    def command(self):
        return ["ffmpeg", "-v", "warning", "-readrate", 4, "-stream_loop", 5, "-i", self.clip.mp4,
                "-c", "copy", "-f", "flv", self.url]


class GStreamer(Publisher):
    """A pipeline whose muxer also writes what it sends into a file."""

    sink = []

    def command(self):
        return ["gst-launch-1.0", "-q", "filesrc", f"location={self.clip.mp4}", "!", "qtdemux", "name=demux",
                "flvmux", "name=mux", "streamable=true", "!", "tee", "name=both",
                "both.", "!", "queue", "!", *self.sink_element(),
                "both.", "!", "queue", "!", "filesink", f"location={self.copy}",
                "demux.video_0", "!", "queue", "!", "h264parse", "!", "mux.video",
                "demux.audio_0", "!", "queue", "!", "aacparse", "!", "mux.audio"]

    def sink_element(self):
        raise NotImplementedError


class Rtmp2Sink(GStreamer):
    """GStreamer's own RTMP."""

    def sink_element(self):
        return ["rtmp2sink", f"location={self.url}"]


class RtmpSink(GStreamer):
    """librtmp, through GStreamer's older element."""

    def sink_element(self):
        return ["rtmpsink", f"location={self.url} live=1"]


class Obs(Publisher):
    """OBS Studio's order of commands."""

    def command(self):
        host, app_and_name = self.url.removeprefix("rtmp://").split("/", 1)
        return [sys.executable, pathlib.Path(__file__).parent / "obs.py", self.clip.flv,
                *host.split(":"), *app_and_name.split("/")]

    def published(self):
        return flv.read(self.clip.flv)


PUBLISHERS = {"ffmpeg": Ffmpeg, "rtmp2sink": Rtmp2Sink, "librtmp": RtmpSink, "obs": Obs, "loop": FfmpegLoop}
