"""What is published: a picture with a clock and a frame number, and a tone, for 8 seconds in many codecs."""

import concurrent.futures
from typing import NamedTuple

from . import amf, flv
from .lab import FFMPEG9, run_to_end

SECONDS, FRAME_RATE, GOP = 8, 25, 25
LONG_SECONDS = 100
FRAMES = SECONDS * FRAME_RATE

H264 = ["-c:v", "libx264", "-profile:v", "main", "-preset", "ultrafast", "-bf", 2, "-sc_threshold", 0]
HEVC = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:bframes=2:scenecut=0"]
AV1 = ["-c:v", "libsvtav1", "-preset", 12, "-svtav1-params", f"keyint={GOP}"]
# mpegts.js 1.8 reads eight order hints in each key frame, which are not there, and takes what follows for the size.
AV1_WITHOUT_HINTS = ["-c:v", "libaom-av1", "-usage", "realtime", "-cpu-used", 8, "-aom-params", "enable-order-hint=0"]
VP9 = ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", 8]
VVC = ["-c:v", "libvvenc", "-preset", "faster", "-qp", 45, "-period", 1]
HDR = ["-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le",
       "-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc",
       "-x265-params", "log-level=none:scenecut=0:hdr10=1:repeat-headers=1:max-cll=1000,400:"
       "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"]
AAC, MP3 = ["-c:a", "aac", "-b:a", "128k"], ["-c:a", "libmp3lame", "-ar", 44100]
# In the corner of a picture, squares of 8 pixels are the bits of its number, the lowest first.
CLOCK = ",".join(["drawbox=w=128:h=8:color=black:t=fill", *(
    f"drawbox=x={8 * bit}:w=8:h=8:color=white:t=fill:enable='mod(floor(n/{1 << bit}),2)'" for bit in range(16))])
TWO_TRACKS = ["-f", "lavfi", "-i", "testsrc=size=160x90:rate=25", "-f", "lavfi", "-i", "sine=frequency=880"]


class Recipe(NamedTuple):
    """How a clip is encoded."""
    title: str  # as the table names it
    options: list
    suffix: str = "mp4"
    size: str = "320x180"
    program: object = FFMPEG9
    inputs: tuple = ()
    enhanced: bool = True
    channels: int = 2
    seconds: int = SECONDS


RECIPES = {
    "h264+aac": Recipe("H.264 + AAC", [*H264, "-b:v", "800k", *AAC], size="640x360", program="ffmpeg", enhanced=False),
    "h264+mp3": Recipe("H.264 + MP3", [*H264, *MP3], program="ffmpeg", enhanced=False),
    "h264": Recipe("H.264 alone", [*H264, "-an"], program="ffmpeg", enhanced=False),
    "aac": Recipe("AAC alone", ["-vn", *AAC], program="ffmpeg", enhanced=False),
    "flv1+mp3": Recipe("Sorenson H.263 + MP3", ["-c:v", "flv", *MP3], "flv", program="ffmpeg", enhanced=False),
    "hevc+aac": Recipe("HEVC + AAC", [*HEVC, *AAC]),
    "hevc-open+aac": Recipe("HEVC with open GOPs + AAC", [*HEVC[:-1], HEVC[-1] + ":open-gop=1", *AAC]),
    "hdr+aac51": Recipe("HEVC with HDR metadata + AAC 5.1", [*HDR, *AAC], channels=6),
    "hevc+ac3": Recipe("HEVC + AC-3 5.1", [*HEVC, "-c:a", "ac3"], channels=6),
    "hevc+eac3": Recipe("HEVC + E-AC-3 5.1", [*HEVC, "-c:a", "eac3"], channels=6),
    "av1+aac": Recipe("AV1 + AAC", [*AV1, *AAC], "mkv"),
    "av1-without-hints+aac": Recipe("AV1 without order hints + AAC", [*AV1_WITHOUT_HINTS, *AAC], "mkv"),
    "vp9+opus": Recipe("VP9 + Opus", [*VP9, "-c:a", "libopus"], "mkv"),
    "vvc+aac": Recipe("VVC + AAC", [*VVC, *AAC], size="160x90"),
    "h264+opus": Recipe("H.264 + Opus", [*H264, "-c:a", "libopus"]),
    "h264+flac": Recipe("H.264 + FLAC", [*H264, "-c:a", "flac"], "mkv"),
    "clock": Recipe("H.264 whose pictures tell their number, every 2 s a key frame", [*H264, "-bf", 0, "-g", 2 * GOP, "-vf", CLOCK, *AAC],
                    program="ffmpeg", enhanced=False, seconds=13),
    "2xh264+2xaac": Recipe("two tracks of H.264, two of AAC",
                           ["-map", "0", "-map", "1", "-map", "2", "-map", "3", *H264, *AAC], inputs=TWO_TRACKS),
}


class Clip:
    """One of them, as a file to publish; and as FLV, to know what is published of it."""

    def __init__(self, folder, name):
        self.folder, self.name, self.recipe = folder, name, RECIPES[name]
        self.path = folder / f"{name}.{self.recipe.suffix}"

    def make(self, path, seconds):
        recipe = self.recipe
        run_to_end(
            [recipe.program, "-v", "error",
             "-f", "lavfi", "-i", f"testsrc2=size={recipe.size}:rate={FRAME_RATE}",
             "-f", "lavfi", "-i", "sine=frequency=440:beep_factor=4:sample_rate=44100", *recipe.inputs,
             "-ac", recipe.channels, "-t", seconds, "-pix_fmt", "yuv420p", "-g", GOP, *recipe.options, path],
            self.folder, seconds=120)

    def flv(self, program, *options):
        """The FLV file that this program makes of it: the tags are what it sends over RTMP."""
        label = "".join(str(word) for word in (self.path.stem, "." + str(program).rsplit("/", 1)[-1], *options))
        path = self.folder / f"{label}.flv"
        if not path.exists():
            run_to_end([program, "-v", "error", "-i", self.path, "-map", 0, "-c", "copy", *options, "-f", "flv", path],
                       self.folder)
        return path

    def long(self):
        """The same for as long as browsers may want to watch."""
        path = self.folder / f"{self.name}.long.{self.recipe.suffix}"
        if not path.exists():
            self.make(path, LONG_SECONDS)
        return path


def make(folder, names):
    """Encodes these clips, several at a time."""
    clips = {name: Clip(folder, name) for name in names}
    with concurrent.futures.ThreadPoolExecutor() as pool:
        list(pool.map(lambda clip: clip.make(clip.path, clip.recipe.seconds), clips.values()))
    return clips


def with_data(path, source):
    """A copy of the FLV file with data messages among the packets, one of them of a megabyte."""
    cue = {"name": "here", "time": 1.5, "type": "event", "parameters": {"speaker": "A"}}
    noise = bytes(number * number % 251 for number in range(1 << 20))
    data = [
        (500, flv.SCRIPT, amf.encode("onTextData", {"text": "Grüße", "language": "deu", "trackid": 1.0})),
        (1500, flv.SCRIPT, amf.encode("onCuePoint", cue)),
        (4500, flv.SCRIPT, amf.encode("onMegabyte", noise)),
        (5500, flv.SCRIPT, amf.encode("onLabSays", 1, True, None, "two", {})),
        (6500, flv.SCRIPT_AMF3, b"\0" + amf.encode("onLabSays3") + b"\x11\x06\x07abc"),
    ]
    tags = flv.read(source)
    extra = [flv.Tag(kind, time, payload, 0) for time, kind, payload in data]
    flv.write(path, sorted(tags + extra, key=lambda tag: tag.time))


def with_everything(path, source):
    """A copy of the FLV file with HEVC and AAC in which Enhanced RTMP's rarer forms occur: packets behind ModEx,
    many tracks in a message with one codec and with several, silence, ends of sequences.
    """
    tags = []
    for number, tag in enumerate(flv.read(source)):
        tags.append(tag)
        if tag.kind == flv.VIDEO and tag.is_frame() and tag.payload[0] & 0xF == 3:
            tags[-1] = tag._replace(payload=_several_tracks(tag.payload) if number % 2 else mod_ex(tag.payload))
        elif tag.kind == flv.AUDIO and tag.is_frame() and number % 3 == 0:
            tags[-1] = tag._replace(payload=mod_ex(b"\x91mp4a" + tag.payload[2:]))
    end = tags[-1].time
    tags += [flv.Tag(kind, end, payload, 0) for kind, payload in (
        (flv.AUDIO, b""), (flv.AUDIO, b"\x92mp4a"), (flv.VIDEO, b"\x92hvc1"), (flv.VIDEO, b"\xd0\0"))]
    flv.write(path, tags)


def mod_ex(payload):
    """Nanoseconds, and an extension that nobody knows, of 300 bytes, in front of a packet."""
    first, form = payload[0] & 0xF0 | flv.MOD_EX, payload[0] & 0xF
    nanoseconds = b"\x02" + (999_999).to_bytes(3) + bytes([0 << 4 | flv.MOD_EX])
    unknown = b"\xff" + (299).to_bytes(2) + bytes(300) + bytes([9 << 4 | form])
    return bytes([first]) + nanoseconds + unknown + payload[1:]


def _several_tracks(payload):
    """The packet as track 0 and, once more, as track 1; the codec of each is named."""
    fourcc, body = payload[1:5], payload[5:]
    one = len(body).to_bytes(3) + body
    head = bytes([payload[0] & 0xF0 | flv.VIDEO_MULTITRACK, flv.MANY_CODECS << 4 | payload[0] & 0xF])
    return head + fourcc + b"\0" + one + fourcc + b"\1" + one
