"""FLV files: their tags, and what is in one, Enhanced RTMP's included (enhanced-rtmp v2, 2026-01-31)."""

from typing import NamedTuple

from . import amf
from .lab import Failure

AUDIO, VIDEO, SCRIPT_AMF3, SCRIPT = 8, 9, 15, 18
TRACKS = {AUDIO: "audio", VIDEO: "video"}
HEADER = b"FLV\1\5\0\0\0\x09\0\0\0\0"

H264, AAC, ENHANCED_AUDIO = 7, 10, 9
KEY_FRAMES, COMMAND_FRAME = (1, 4), 5
MOD_EX, AUDIO_MULTITRACK, VIDEO_MULTITRACK = 7, 5, 6
ONE_TRACK, MANY_CODECS = 0, 2
# Packet types of enhanced tags, and the roles they have here.
VIDEO_ROLES = {0: "header", 1: "frame", 2: "end", 3: "frame", 4: "header", 5: "header"}
AUDIO_ROLES = {0: "header", 1: "frame", 2: "end", 4: "header"}


class Packet(NamedTuple):
    """What a tag carries for one track; its role is "header", "frame", "end" or "other"."""
    role: str
    track: int
    form: int  # the packet type of an enhanced tag


class Tag(NamedTuple):
    """One tag; its time is in milliseconds, its position is that of its first byte in the file."""
    kind: int
    time: int
    payload: bytes
    position: int

    def encode(self):
        """The tag and its length, as in a file."""
        time = self.time % (1 << 32)
        head = bytes([self.kind]) + len(self.payload).to_bytes(3)
        head += (time & 0xFFFFFF).to_bytes(3) + bytes([time >> 24]) + bytes(3)
        return head + self.payload + (len(head) + len(self.payload)).to_bytes(4)

    def is_enhanced(self):
        """Whether the codec is named by a FourCC."""
        if self.kind == VIDEO:
            return bool(self.payload[:1]) and self.payload[0] >= 0x80
        return self.kind == AUDIO and self.payload[:1] != b"" and self.payload[0] >> 4 == ENHANCED_AUDIO

    def packets(self):
        """What it carries: one packet, or one for each track of a multitrack tag."""
        if self.kind not in TRACKS or not self.payload:
            return []
        if self.is_enhanced():
            return _enhanced(self)
        codec = self.payload[0] & 0xF if self.kind == VIDEO else self.payload[0] >> 4
        if self.kind == VIDEO and self.payload[0] >> 4 == COMMAND_FRAME:
            return [Packet("other", 0, 0)]
        if codec != (H264 if self.kind == VIDEO else AAC):
            return [Packet("frame", 0, 1)]
        form = int.from_bytes(self.payload[1:2])
        return [Packet(("header", "frame", "end")[form], 0, form)]

    def is_header(self):
        """A decoder configuration, or the description of colours or channels that goes with it."""
        return any(packet.role == "header" for packet in self.packets())

    def is_frame(self):
        """Picture or sound of some track."""
        return any(packet.role == "frame" for packet in self.packets())

    def is_key(self):
        return self.kind == VIDEO and self.is_frame() and self.payload[0] >> 4 & 7 in KEY_FRAMES

    def is_metadata(self):
        return self.kind == SCRIPT and self.payload.startswith(amf.encode("onMetaData"))

    def track(self):
        """What it belongs to: its kind and the number of its first track."""
        packets = self.packets()
        return self.kind, packets[0].track if packets else 0


def _enhanced(tag):
    video = tag.kind == VIDEO
    form, at = tag.payload[0] & 0xF, 1
    while form == MOD_EX:
        size, at = tag.payload[at] + 1, at + 1
        if size == 256:
            size, at = int.from_bytes(tag.payload[at:at + 2]) + 1, at + 2
        form, at = tag.payload[at + size] & 0xF, at + size + 1
    roles = VIDEO_ROLES if video else AUDIO_ROLES
    if video and form != 4 and tag.payload[0] >> 4 & 7 == COMMAND_FRAME:
        return [Packet("other", 0, form)]
    if form != (VIDEO_MULTITRACK if video else AUDIO_MULTITRACK):
        return [Packet(roles.get(form, "other"), 0, form)]
    several, form, at = tag.payload[at] >> 4, tag.payload[at] & 0xF, at + 1
    role = roles.get(form, "other")
    if several != MANY_CODECS:
        at += 4
    packets = []
    while at < len(tag.payload):
        at += 4 if several == MANY_CODECS else 0
        packets.append(Packet(role, tag.payload[at], form))
        if several == ONE_TRACK:
            break
        at += 4 + int.from_bytes(tag.payload[at + 1:at + 4])
    return packets


def read(path, torn=False):
    """All tags of a file, which must end with a whole one; not if it is torn, as by a program that was killed."""
    data = path.read_bytes() if path.exists() else b""
    if data[:3] != b"FLV":
        raise Failure(f"{path.name} ({len(data)} bytes) is no FLV file")
    tags, at = [], 13
    while at < len(data):
        kind, size = data[at] & 0x1f, int.from_bytes(data[at + 1:at + 4])
        time = int.from_bytes(data[at + 7:at + 8] + data[at + 4:at + 7])
        end = at + 11 + size
        if end + 4 > len(data):
            if torn:
                break
            raise Failure(f"{path.name} ends inside a tag")
        if int.from_bytes(data[end:end + 4]) not in (0, 11 + size):
            raise Failure(f"{path.name}: the length after the tag at {at} is wrong")
        tags.append(Tag(kind, time, data[at + 11:end], at))
        at = end + 4
    return tags


def write(path, tags):
    path.write_bytes(HEADER + b"".join(tag.encode() for tag in tags))


def metadata(tags):
    """The first onMetaData of these."""
    script = next((tag for tag in tags if tag.is_metadata()), None)
    values = amf.decode(script.payload) if script else []
    if len(values) < 2:
        raise Failure("no onMetaData")
    return values[1]


def frames(tags, track=None):
    """The packets, of one track or in the file's order."""
    return [tag for tag in tags if tag.is_frame() and track in (None, tag.track())]


def tracks(tags):
    """All tracks that have packets: video first, in the order of their numbers."""
    return sorted({tag.track() for tag in tags if tag.is_frame()}, key=lambda track: (track[0] != VIDEO, track))


def name_of(track):
    """As in "audio", or "audio 1" for the second track."""
    kind, number = track
    return f"{TRACKS[kind]} {number}" if number else TRACKS[kind]
