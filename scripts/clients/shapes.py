"""What encoders and cameras send that is unusual: clips of FFmpeg 9 whose messages are arranged anew.

`tests/captures` has them short, made by `scripts/captures`; browsers watch longer ones.
"""

import pathlib
import subprocess
import tempfile
from typing import NamedTuple

from . import flv
from .lab import FFMPEG9, Failure

SECONDS, RATE = 4, 10  # of the short ones
KEY, INTER = 1, 2  # frame types of FLV
CODED_FRAMES_X = 3  # the packet type of Enhanced RTMP without a composition time
START_CODES = b"\0\0\0\1", b"\0\0\1"
AAC_HEADER, AAC_FRAME = b"\xaf\0", b"\xaf\1"
CHANNELS = {"mono": 1, "quad": 4, "5.1(side)": 6}
AHEAD = 1800  # milliseconds by which the sound of one shape is sent too early


class Codec(NamedTuple):
    """How pictures are encoded, and the NAL units that are made here."""
    name: str
    encoder: str
    delimiter: bytes
    sei: bytes  # how supplemental enhancement information begins

    def header(self, record):
        """The message with the decoder's configuration."""
        return (b"\x17\0\0\0\0" if self is AVC else b"\x90hvc1") + record

    def message(self, frame_type, composition, body):
        """A message with a picture or a part of one."""
        head = bytes([frame_type << 4 | 7, 1]) if self is AVC else bytes([0x80 | frame_type << 4 | 1]) + b"hvc1"
        return head + (composition % (1 << 24)).to_bytes(3) + body

    def read(self, payload):
        """A picture's composition time, which H.265 may be sent without, and its units behind lengths."""
        at = 2 if self is AVC else 5
        if self is HEVC and payload[0] & 15 == CODED_FRAMES_X:
            return 0, payload[at:]
        return int.from_bytes(payload[at:at + 3], signed=True), payload[at + 3:]

    def sets(self, record):
        """The parameter sets in a configuration record (ISO 14496-15 5.3.3.1 and 8.3.3.1)."""
        at, found = (5, []) if self is AVC else (23, [])
        for _ in range(2 if self is AVC else record[22]):
            count, at = (record[at] & 31, at + 1) if self is AVC else (record[at + 2], at + 3)
            for _ in range(count):
                size = int.from_bytes(record[at:at + 2])
                found.append(record[at + 2:at + 2 + size])
                at += 2 + size
        return found


AVC = Codec("avc", "x264", b"\x09\xf0", b"\x06")
HEVC = Codec("hevc", "x265", b"\x46\x01\x50", b"\x4e\x01")


class Picture(NamedTuple):
    """One picture of a clip; times are in milliseconds."""
    time: int
    composition: int
    frame_type: int
    units: list


class Clip(NamedTuple):
    """Pictures, as FFmpeg has encoded them, and what is decoded of them."""
    codec: Codec
    record: bytes
    pictures: list
    size: str
    seconds: int
    decoded: bytes

    @property
    def sets(self):
        return self.codec.sets(self.record)

    def header(self):
        return flv.Tag(flv.VIDEO, 0, self.codec.header(self.record), 0)


class Shape(NamedTuple):
    """What a file holds, and the clips that a decoder must make of it."""
    tags: list
    clips: list


# What FFmpeg makes

def clip(codec, parameters="", size="160x90", rate=RATE, seconds=SECONDS):
    """Pictures without sound: a key frame each second, no B pictures unless the encoder's parameters say so."""
    keys = f"keyint={rate}:min-keyint={rate}:scenecut=0:bframes=0:ref=1"
    quiet = "log-level=none:info=0:" if codec is HEVC else ""
    tags, decoded = encode(
        "-f", "lavfi", "-i", f"testsrc=size={size}:rate={rate}", "-t", seconds, "-pix_fmt", "yuv420p",
        "-c:v", f"lib{codec.encoder}", "-preset", "veryfast", "-crf", 36, "-threads", 1,
        f"-{codec.encoder}-params", f"{quiet}{keys}:{parameters}".rstrip(":"))
    record = next(tag.payload[5:] for tag in tags if tag.is_header())
    pictures = [picture(codec, tag) for tag in tags if tag.is_frame()]
    return Clip(codec, record, pictures, size, seconds, decoded)


def picture(codec, tag):
    """Without the text in which x264 tells about itself."""
    composition, body = codec.read(tag.payload)
    units, at = [], 0
    while at < len(body):
        size = int.from_bytes(body[at:at + 4])
        units.append(body[at + 4:at + 4 + size])
        at += 4 + size
    units = [unit for unit in units if not unit.startswith(AVC.sei + b"\5")]
    return Picture(tag.time, composition, KEY if tag.is_key() else INTER, units)


def tone(seconds=SECONDS, layout="mono"):
    """Sound: its header and its frames."""
    source = f"aevalsrc={'|'.join(['0.1*sin(2765*t)'] * CHANNELS[layout])}:c={layout}:s=22050"
    tags, _ = encode("-f", "lavfi", "-i", source, "-t", seconds, "-c:a", "aac", "-b:a", "12k")
    return tags


def encode(*options):
    """The tags of an FLV file that FFmpeg makes, and what it decodes of it."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "clip.flv"
        ffmpeg(*options, "-flags", "+bitexact", "-fflags", "+bitexact", path)
        decoded = ffmpeg("-i", path, "-fps_mode", "passthrough", "-f", "rawvideo", "-") if "-c:v" in options else b""
        return [tag for tag in flv.read(path) if tag.packets()], decoded


def ffmpeg(*arguments):
    command = [FFMPEG9, "-nostdin", "-v", "error", *arguments]
    done = subprocess.run(list(map(str, command)), capture_output=True, check=False)
    if done.returncode != 0:
        raise Failure(f"{' '.join(map(str, command))}: {done.stderr.decode().strip()}")
    return done.stdout


# How the units of a picture are shared out among messages: each yields frame types and units

def whole(clip, picture):
    yield picture.frame_type, picture.units


def sets_inside(clip, picture):
    yield picture.frame_type, [*sets_of(clip, picture), *picture.units]


def sets_before(clip, picture):
    if picture.frame_type == KEY:
        yield KEY, clip.sets
    yield picture.frame_type, picture.units


def others_before(clip, picture):
    yield INTER, [clip.codec.delimiter]
    if picture.frame_type == KEY:
        yield KEY, clip.sets
    yield INTER, [caption(clip.codec, picture.time)]
    yield picture.frame_type, picture.units


def one_by_one(clip, picture):
    for unit in [*sets_of(clip, picture), *picture.units]:
        yield picture.frame_type, [unit]


def all_inter(clip, picture):
    yield INTER, [*sets_of(clip, picture), *picture.units]


def all_key(clip, picture):
    yield KEY, [*sets_of(clip, picture), *picture.units]


def first_key(clip, picture):
    yield INTER if picture.time else KEY, picture.units


def behind_prefix(clip, picture):
    """Each slice is behind the unit that tells its layer (ISO 14496-10 F.7.3.1.1), and behind a start code."""
    *others, last = picture.units
    prefix = bytes([last[0] & 0x60 | 14, 0xC0 if picture.frame_type == KEY else 0x80, 0x80, 0x07, 0x20])
    yield picture.frame_type, [*others, prefix + START_CODES[0] + last]


def in_one_unit(clip, picture):
    """The first start code has been replaced by the length of all."""
    units = [*sets_of(clip, picture), caption(clip.codec, picture.time), *picture.units]
    yield picture.frame_type, [START_CODES[0].join(units)]


def sets_of(clip, picture):
    return clip.sets if picture.frame_type == KEY else []


def caption(codec, time):
    """Closed captions of a picture: one letter of CEA-608 in ATSC A/53 4.2.3.1, and room for 708."""
    letter = 0x41 + time // 100 % 26
    letter |= 0 if letter.bit_count() % 2 else 0x80  # odd parity
    captions = b"\xb5\0\x31GA94\3\xc1\xff\xfc" + bytes([letter, 0x80]) + b"\xff"
    return codec.sei + bytes([4, len(captions)]) + captions + b"\x80"


# How units lie in a message

def lengths(units):
    return b"".join(len(unit).to_bytes(4) + unit for unit in units)


def start_codes(units):
    """Four bytes in front of the first, three in front of the others, as encoders have them."""
    return b"".join(START_CODES[number > 0] + unit for number, unit in enumerate(units))


# Messages in order

def video(clip, share=whole, framing=lengths, start=0, shift=0):
    """A message for each share of each picture; times begin at `start`, `shift` is added to composition times."""
    return [flv.Tag(flv.VIDEO, start + picture.time,
                    clip.codec.message(frame_type, picture.composition + shift, framing(units)), 0)
            for picture in clip.pictures for frame_type, units in share(clip, picture)]


def woven(headers, pictures, sound, ahead=0):
    """Headers, then all else in the order of its times; sound may be sent some milliseconds ahead."""
    headers = [*headers, *(tag for tag in sound if tag.is_header())]
    frames = [*pictures, *(tag for tag in sound if not tag.is_header())]
    return [*headers, *sorted(frames, key=lambda tag: tag.time - ahead * (tag.kind == flv.AUDIO))]


# The shapes

def plain(clip, *arguments, sound=None, ahead=0, **options):
    """A clip and its sound, its header in front."""
    pictures = video(clip, *arguments, **options)
    return Shape(woven([clip.header()], pictures, sound or tone(clip.seconds), ahead), [clip])


def new_sets(codec, share, rate=RATE, seconds=SECONDS):
    """After half of the time the picture is turned, the header stays."""
    wide, tall = (clip(codec, size=size, rate=rate, seconds=seconds // 2) for size in ("320x180", "180x320"))
    if wide.sets[-1] != tall.sets[-1]:
        raise Failure("the picture parameter sets should be equal")
    pictures = [*video(wide, share), *video(tall, share, start=seconds * 500)]
    return Shape(woven([wide.header()], pictures, tone(seconds)), [wide, tall])


def slices(codec, sound=None, **options):
    """Four slices a picture, a message for each."""
    return plain(clip(codec, "slices=4" if codec is AVC else "slices=4:ctu=16", **options), one_by_one, sound=sound)


def negative(codec):
    """Times of display are told as the encoder has them, without the delay that keeps them behind decoding."""
    source = clip(codec, "bframes=2:b-adapt=0")
    return plain(source, shift=-source.pictures[0].composition)


def record_of_start_codes(clip):
    header = clip.header()._replace(payload=clip.codec.header(start_codes(clip.sets)))
    return Shape(woven([header], video(clip, whole, start_codes), tone()), [clip])


def no_record(clip):
    return Shape(woven([], video(clip, sets_inside, start_codes), tone(clip.seconds)), [clip])


def empty_header(clip):
    """As ffmpeg sends what it copies from MPEG-TS: it knows the configuration of AAC only with its first frame."""
    header, *sound = tone(clip.seconds)
    first, *pictures = video(clip)
    empty = header._replace(payload=AAC_HEADER)
    return Shape([clip.header(), empty, first, header, *woven([], pictures, sound)], [clip])


def adts(clip):
    """Each frame of sound has an ADTS header (ISO 14496-3 1.A.3.2): AAC LC, 22.05 kHz, mono."""
    def frame(tag):
        body = tag.payload[len(AAC_FRAME):]
        head = 0xFFF15C40001FFC | len(body) + 7 << 13
        return tag._replace(payload=AAC_FRAME + head.to_bytes(7) + body)
    return plain(clip, sound=list(map(frame, tone()[1:])))
