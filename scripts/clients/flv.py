"""FLV files: their tags, and whether one holds what another does, byte for byte."""

from typing import NamedTuple

from . import amf
from .lab import Failure

AUDIO, VIDEO, SCRIPT = 8, 9, 18
TRACKS = {AUDIO: "audio", VIDEO: "video"}


class Tag(NamedTuple):
    """One tag; its time is in milliseconds, its position is that of its first byte in the file."""
    kind: int
    time: int
    payload: bytes
    position: int

    def is_header(self):
        """A decoder configuration."""
        return self.kind in TRACKS and self.payload[1:2] == b"\0"

    def is_frame(self):
        """A packet of H.264 or AAC, and not the end-of-sequence mark of H.264."""
        return self.kind in TRACKS and self.payload[1:2] == b"\1"

    def is_key(self):
        return self.kind == VIDEO and self.payload[0] >> 4 == 1


def read(path):
    """All tags of a file, which must end with a whole one."""
    data = path.read_bytes() if path.exists() else b""
    if data[:3] != b"FLV":
        raise Failure(f"{path.name} ({len(data)} bytes) is no FLV file")
    tags, at = [], 13
    while at < len(data):
        kind, size = data[at] & 0x1f, int.from_bytes(data[at + 1:at + 4])
        time = int.from_bytes(data[at + 7:at + 8] + data[at + 4:at + 7])
        end = at + 11 + size
        if end + 4 > len(data):
            raise Failure(f"{path.name} ends inside a tag")
        if int.from_bytes(data[end:end + 4]) not in (0, 11 + size):
            raise Failure(f"{path.name}: the length after the tag at {at} is wrong")
        tags.append(Tag(kind, time, data[at + 11:end], at))
        at = end + 4
    return tags


def metadata(tags):
    """The onMetaData of a file."""
    script = next((tag for tag in tags if tag.kind == SCRIPT), None)
    values = amf.decode(script.payload) if script else []
    if len(values) < 2 or values[0] != "onMetaData":
        raise Failure("no onMetaData")
    return values[1]


def frames(tags, kind=None):
    """The packets, of one track or in the file's order."""
    return [tag for tag in tags if tag.is_frame() and kind in (None, tag.kind)]


def expect_all(published, received, what="received"):
    """Every packet, none altered, on one time line. Returns a line that says how many."""
    return _compare(published, received, what, from_start=True)


def expect_suffix(published, received, what="received"):
    """Every packet from some key frame on, none altered, on one time line."""
    return _compare(published, received, what, from_start=False)


def expect_order(published, received):
    """That the packets of both tracks come in the order in which they were published."""
    # Equal payloads may occur twice in a track, so packets are named by their number from the end.
    order = _numbered_from_end(received)
    known = set(order)
    if [name for name in _numbered_from_end(published) if name in known] != order:
        raise Failure("audio and video are interleaved differently from what was published")


def _numbered_from_end(tags):
    left = {kind: len(frames(tags, kind)) for kind in TRACKS}
    names = []
    for tag in frames(tags):
        names.append((tag.kind, left[tag.kind]))
        left[tag.kind] -= 1
    return names


def _compare(published, received, what, from_start):
    for kind, name in TRACKS.items():
        _compare_headers(published, received, kind, name)
    shifts, counts = set(), []
    for kind, name in TRACKS.items():
        want, have = frames(published, kind), frames(received, kind)
        skipped = len(want) - len(have)
        if not have or skipped < 0 or (from_start and skipped):
            raise Failure(f"{len(have)} {name} packets {what}, {len(want)} published")
        want = want[skipped:]
        for number, (a, b) in enumerate(zip(want, have)):
            if a.payload != b.payload:
                raise Failure(f"{name} packet {number} of {len(have)} {what} is not the one published")
        shifts |= {b.time - a.time for a, b in zip(want, have)}
        counts.append(f"{len(have)} {name}")
    if not from_start and not frames(received, VIDEO)[0].is_key():
        raise Failure("the first video packet is no key frame")
    if len(shifts) > 1:
        raise Failure(f"timestamps are shifted by {min(shifts)} to {max(shifts)} ms")
    return f"{' and '.join(counts)} packets, shifted by {shifts.pop()} ms"


def _compare_headers(published, received, kind, name):
    want, have = (
        {tag.payload for tag in tags if tag.is_header() and tag.kind == kind} for tags in (published, received)
    )
    if want != have:
        raise Failure(f"{len(have)} {name} configurations received, {len(want)} published, not the same")
