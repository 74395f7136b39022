"""Whether one FLV file holds what another does, byte for byte. Timestamps may all be shifted by the same."""

from . import flv
from .lab import Failure

ROUND = 1 << 32


def expect_all(published, received, what="received", rounding=0):
    """Every packet, none altered, on one time line. Returns a line that says how many."""
    return _compare(published, received, what, True, rounding)


def expect_suffix(published, received, what="received", rounding=0):
    """Every packet from some key frame on, none altered, on one time line."""
    return _compare(published, received, what, False, rounding)


def expect_order(published, received):
    """That the packets of all tracks come in the order in which they were published."""
    # Equal payloads may occur twice in a track, so packets are named by their number from the end.
    order = _numbered_from_end(received)
    known = set(order)
    if [name for name in _numbered_from_end(published) if name in known] != order:
        raise Failure("audio and video are interleaved differently from what was published")


def expect_messages(published, received, late=False, rounding=0):
    """Every message in the same order, or every one from some key frame on. Free are metadata, and where in front
    of a track's first frame its headers come: a late player gets those that are in force.
    """
    want, wanted_headers = _without_headers(published)
    have, headers = _without_headers(received)
    skipped = len(want) - len(have)
    if late and skipped > 0:
        first = published.index(want[skipped])
        wanted_headers = _headers(published[:first])
        if not have or not have[0].is_key():
            raise Failure(f"it begins with {describe(have[0]) if have else 'nothing'}, not with a key frame")
    elif skipped:
        raise Failure(f"{len(have)} messages received, {len(want)} published, without those in front")
    if headers != wanted_headers:
        raise Failure(f"{len(headers)} headers in front, {len(wanted_headers)} published, or not the same")
    pairs = list(zip(want[max(skipped, 0):], have))
    for number, (a, b) in enumerate(pairs):
        if (a.kind, a.payload) != (b.kind, b.payload):
            raise Failure(f"message {number} of {len(have)} is {describe(b)}, published was {describe(a)}")
    # Headers and marks have no time of their own.
    timed = [(a, b) for a, b in pairs if a.is_frame() or a.kind not in flv.TRACKS]
    return f"{len(have)} messages and {len(headers)} headers as published, shifted by {_one_shift(timed, rounding)} ms"


def _without_headers(tags):
    """What comes but for metadata and the headers in front of each track's first frame; and those headers."""
    begun, rest, front = set(), [], []
    for tag in tags:
        if tag.is_header() and tag.track() not in begun:
            front.append(tag)
        elif not tag.is_metadata():
            rest.append(tag)
        if tag.is_frame():
            begun.add(tag.track())
    return rest, _headers(front)


def _headers(tags):
    """The last of each form, by track."""
    return {(tag.track(), tag.packets()[0].form): tag.payload for tag in tags if tag.is_header()}


def expect_metadata(published, received):
    """That the metadata names the same codecs and size as the publisher's, as far as it named them."""
    want, have = flv.metadata(published), flv.metadata(received)
    named = [name for name in ("videocodecid", "audiocodecid", "width", "height") if name in want]
    for name in named:
        if have.get(name) != want[name]:
            raise Failure(f"the metadata says {name} {have.get(name)}, the publisher said {want[name]}")
    return ", ".join(f"{name} {have[name]:.0f}" for name in named)


def describe(tag):
    return f"of type {tag.kind}, {len(tag.payload)} bytes, {tag.payload[:8].hex(' ')}"


def _numbered_from_end(tags):
    packets = flv.frames(tags)
    left = {}
    for tag in packets:
        left[tag.track()] = left.get(tag.track(), 0) + 1
    names = []
    for tag in packets:
        names.append((tag.track(), left[tag.track()]))
        left[tag.track()] -= 1
    return names


def _compare(published, received, what, from_start, rounding):
    _compare_headers(published, received, what)
    pairs, counts = [], []
    for track in flv.tracks(published):
        name = flv.name_of(track)
        want, have = flv.frames(published, track), flv.frames(received, track)
        skipped = len(want) - len(have)
        if not have or skipped < 0 or (from_start and skipped):
            raise Failure(f"{len(have)} {name} packets {what}, {len(want)} published")
        for number, (a, b) in enumerate(zip(want[skipped:], have)):
            if a.payload != b.payload:
                raise Failure(f"{name} packet {number} of {len(have)} {what} is not the one published")
        pairs += zip(want[skipped:], have)
        counts.append(f"{len(have)} {name}")
    if not from_start and not next(tag for tag in flv.frames(received) if tag.kind == flv.VIDEO).is_key():
        raise Failure("the first video packet is no key frame")
    return f"{', '.join(counts)} packets, shifted by {_one_shift(pairs, rounding)} ms"


def _one_shift(pairs, rounding):
    """The shift that all have in common; timestamps go round 32 bits."""
    first = pairs[0][1].time - pairs[0][0].time
    shifts = {(b.time - a.time - first + ROUND // 2) % ROUND - ROUND // 2 + first for a, b in pairs}
    if max(shifts) - min(shifts) > rounding:
        raise Failure(f"timestamps are shifted by {min(shifts)} to {max(shifts)} ms")
    return (min(shifts) + ROUND // 2) % ROUND - ROUND // 2


def _compare_headers(published, received, what):
    for kind, name in flv.TRACKS.items():
        want, have = (
            {tag.payload for tag in tags if tag.is_header() and tag.kind == kind} for tags in (published, received)
        )
        if want != have:
            raise Failure(f"{len(have)} {name} configurations {what}, {len(want)} published, not the same")
