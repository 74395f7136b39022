"""Clients that publish a clip. Each knows what it has published, as FLV tags."""

import pathlib
import sys

from . import clips, flv
from .lab import FFMPEG9, address, free_ports, run_to_end, wait

STUNNEL = """foreground = yes
pid =
[rtmps]
client = yes
accept = 127.0.0.1:{port}
connect = {host}:{real_port}
sni = {host}
checkHost = {host}
CAfile = {authority}
verifyChain = yes
"""
PUBLISH = pathlib.Path(__file__).parent / "publish.py"
ROUND_LESS_4_S = 0xFFFFF000  # 4.096 s before timestamps begin again at 0


class Publisher:
    """Publishes a clip once, in real time."""

    title = ""  # as the table names it
    application = "live"
    stream = "{}"  # the stream's name, made of the broadcast's
    scheme = "rtmp"
    is_exact = True  # whether what it says it has sent is so in order and to the last message
    rounding = 0  # milliseconds by which the times may be off

    def __init__(self, broadcast):
        self.lab, self.clip, self.url = broadcast.lab, broadcast.clip, broadcast.url
        self.authority = self.lab.authority
        self.copy = self.lab.folder / f"{broadcast.name}.published.flv"
        self.label = f"{broadcast.name}.publisher"
        self.prepare()

    def prepare(self):
        """Makes what the command needs."""

    def start(self):
        self.process = self.lab.run(self.label, self.authority.trusted(self.command(), self.url))

    def command(self):
        raise NotImplementedError

    def finish(self):
        self.process.expect_success(clips.SECONDS + 15)

    def published(self):
        """The tags it has sent."""
        return flv.read(self.copy)


class Ffmpeg(Publisher):
    """As everyone types it."""

    title = "ffmpeg 5.1"
    program = "ffmpeg"
    options = ()

    def command(self):
        return [self.program, "-v", "warning", "-re", "-i", self.clip.path, "-map", 0, "-c", "copy", *self.options,
                *self.authority.options(self.url), "-f", "flv", self.url]

    def published(self):
        return flv.read(self.clip.flv(self.program, *self.options))


class Ffmpeg9(Ffmpeg):
    """FFmpeg with Enhanced RTMP. Without more options it does not say that it will use it."""

    title = "FFmpeg 9"
    program = FFMPEG9


class Ffmpeg9Says(Ffmpeg9):
    """It lists its codecs when it connects."""

    title = "FFmpeg 9, lists its codecs"

    def command(self):
        *command, url = super().command()
        return [*command, "-rtmp_enhanced_codecs", "hvc1,av01,vp09,vvc1,ac-3,ec-3,Opus,fLaC", url]


class FfmpegRolls24(Ffmpeg9):
    """Its timestamps outgrow 24 bits after 4 s: they become extended ones."""

    title = "FFmpeg 9, timestamps grow beyond 2^24"
    options = ("-output_ts_offset", "16773.120")


class FfmpegRolls31(Ffmpeg9):
    """It has 31 bits for timestamps: after 24.8 days, here 4 s, they begin again at 0. For the server that is a
    jump, which it takes out; it cannot know the step to the millisecond.
    """

    title = "FFmpeg 9, timestamps roll over 2^31"
    options = ("-output_ts_offset", "2147479.552")
    rounding = 60

    def published(self):
        """On one line of time."""
        return [tag._replace(time=tag.time + (tag.time < 1 << 30) * (1 << 31)) for tag in super().published()]


class FfmpegLong(Ffmpeg):
    """The long clip, until it is stopped."""

    def command(self):
        return [self.program, "-v", "warning", "-re", "-i", self.clip.long(), "-c", "copy",
                *self.authority.options(self.url), "-f", "flv", self.url]

    def finish(self):
        self.process.interrupt()
        self.process.wait(10)


class Ffmpeg9Long(FfmpegLong):
    """The same of codecs that want Enhanced RTMP."""

    title = Ffmpeg9.title
    program = FFMPEG9


class FfmpegLocked(Ffmpeg):
    """To where HLS is encrypted."""

    title = "ffmpeg 5.1, with hls_keys"
    application = "locked"


class FfmpegNamed(Ffmpeg):
    """To a name with blanks, brackets and letters of two alphabets."""

    title = "ffmpeg 5.1, a name in Cyrillic"
    stream = "Мой поток [1] {}"


class FfmpegTs(Ffmpeg):
    """The clip in MPEG-TS, copied: ffmpeg knows the configuration of AAC only with its first frame."""

    title = "ffmpeg 5.1, copies MPEG-TS"

    def prepare(self):
        self.source = self.lab.folder / f"{self.clip.name}.ts"
        self.copy_to(self.source, "mpegts", self.clip.path)
        self.copy_to(self.copy, "flv", self.source)

    def copy_to(self, path, container, source):
        run_to_end([self.program, "-v", "error", "-i", source, "-map", 0, "-c", "copy", "-f", container, path],
                   self.lab.folder)

    def command(self):
        return [self.program, "-v", "warning", "-re", "-i", self.source, "-map", 0, "-c", "copy", "-f", "flv", self.url]

    def published(self):
        return flv.read(self.copy)


class FfmpegLoop(Ffmpeg):
    """The clip six times, four times as fast, with the uneven timestamps that ffmpeg makes where they join."""

    def command(self):
        return ["ffmpeg", "-v", "warning", "-readrate", 4, "-stream_loop", 5, "-i", self.clip.path,
                "-c", "copy", "-f", "flv", self.url]


class GStreamer(Publisher):
    """A pipeline whose muxer also writes what it sends into a file."""

    def command(self):
        return ["gst-launch-1.0", "-q", "filesrc", f"location={self.clip.path}", "!", "qtdemux", "name=demux",
                "flvmux", "name=mux", "streamable=true", "!", "tee", "name=both",
                "both.", "!", "queue", "!", *self.sink_element(),
                "both.", "!", "queue", "!", "filesink", f"location={self.copy}",
                "demux.video_0", "!", "queue", "!", "h264parse", "!", "mux.video",
                "demux.audio_0", "!", "queue", "!", "aacparse", "!", "mux.audio"]

    def sink_element(self):
        raise NotImplementedError


class Rtmp2Sink(GStreamer):
    """GStreamer's own RTMP."""

    title = "GStreamer rtmp2sink"

    def sink_element(self):
        return ["rtmp2sink", f"location={self.url}"]


class RtmpSink(GStreamer):
    """librtmp, through GStreamer's older element."""

    title = "librtmp (GStreamer rtmpsink)"

    def sink_element(self):
        return ["rtmpsink", f"location={self.url} live=1"]


class Raw(Publisher):
    """Our own: OBS Studio's order of commands, and every tag of an FLV file as it is."""

    title = "our own, as OBS"
    shift = 0

    def command(self):
        return [sys.executable, PUBLISH, "--shift", self.shift, self.source(), *address(self.url)]

    def source(self):
        return self.clip.flv(self.clip.recipe.program)

    def published(self):
        return [tag._replace(time=tag.time + self.shift) for tag in flv.read(self.source())]


class RawRolls32(Raw):
    """All 32 bits of its timestamps are used up after 4 s."""

    title = "our own, timestamps roll over 2^32"
    shift = ROUND_LESS_4_S


class RawData(Raw):
    """Data messages among the packets."""

    title = "our own, with data messages"

    def prepare(self):
        clips.with_data(self.copy, super().source())

    def source(self):
        return self.copy


class RawEverything(RawData):
    """The rarer forms of Enhanced RTMP."""

    title = "our own, rarer forms"

    def prepare(self):
        clips.with_everything(self.copy, Raw.source(self))


class FfmpegStunnel(Ffmpeg):
    """Over stunnel, as encoders do that have no TLS of their own."""

    title = "ffmpeg 5.1 through stunnel"
    scheme = "rtmps"

    def prepare(self):
        [port] = free_ports(1)
        host, real_port, *_ = address(self.url)
        settings = self.copy.with_suffix(".stunnel")
        settings.write_text(STUNNEL.format(port=port, host=host, real_port=real_port, authority=self.authority.file))
        self.tunnel = self.lab.run(f"{self.label}.stunnel", ["stunnel", settings])
        wait(10, "stunnel to listen", lambda: self.tunnel.ended() or "Configuration successful" in self.tunnel.output())
        self.url = f"rtmp://127.0.0.1:{port}/{self.url.split('/', 3)[3]}"

    def finish(self):
        super().finish()
        self.tunnel.kill()


def over_tls(kind):
    """The same, over TLS."""
    return type(f"{kind.__name__}Tls", (kind,), {"scheme": "rtmps", "title": f"{kind.title}, RTMPS"})


PUBLISHERS = {
    "ffmpeg": Ffmpeg, "ffmpeg-long": FfmpegLong, "ffmpeg-loop": FfmpegLoop,
    "ffmpeg-locked": FfmpegLocked, "ffmpeg-named": FfmpegNamed, "ffmpeg-ts": FfmpegTs,
    "ffmpeg9": Ffmpeg9, "ffmpeg9-long": Ffmpeg9Long, "ffmpeg9-says": Ffmpeg9Says, "ffmpeg9-rolls24": FfmpegRolls24, "ffmpeg9-rolls31": FfmpegRolls31,
    "rtmp2sink": Rtmp2Sink, "librtmp": RtmpSink,
    "raw": Raw, "raw-rolls32": RawRolls32, "raw-data": RawData, "raw-everything": RawEverything,
    "ffmpeg-stunnel": FfmpegStunnel,
}
PUBLISHERS |= {f"{name}-tls": over_tls(PUBLISHERS[name]) for name in ("ffmpeg", "ffmpeg-long", "ffmpeg9", "rtmp2sink", "librtmp")}
