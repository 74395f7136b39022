"""The packets of two files as FFmpeg reads them: the same bytes, and times that are all shifted by the same."""

from typing import NamedTuple

from .lab import FFMPEG9, Failure

CLOSE = 1.5  # milliseconds by which a time may differ, as each is rounded


class Packet(NamedTuple):
    """Times are in milliseconds."""
    dts: float
    pts: float
    digest: str


def unpack(program, source, to, *options):
    """A command that writes a line with times and hash for each packet of video and audio. FFmpeg 5.1 has an older form."""
    return [program, "-y", "-v", "warning", *options, "-i", source, "-map", "0:v", "-map", "0:a", "-c", "copy", "-copyts",
            "-f", "framehash", "-hash", "md5", *(() if program == FFMPEG9 else ("-format_version", 2)), to]


def read(path):
    """The packets of each track, by its kind."""
    kinds, units, tracks = {}, {}, {}
    for line in path.read_text().splitlines():
        if line.startswith("#media_type "):
            track, kind = line[12:].split(": ")
            kinds[track] = kind
        elif line.startswith("#tb "):
            track, base = line[4:].split(": ")
            units[track] = 1000 * int(base.split("/")[0]) / int(base.split("/")[1])
        elif line and not line.startswith("#"):
            track, dts, pts, _, _, digest = (part.strip() for part in line.split(",")[:6])
            packet = Packet(int(dts) * units[track], int(pts) * units[track], digest)
            tracks.setdefault(kinds[track], []).append(packet)
    return tracks


def expect_same(source, received, shift):
    """All packets, with times that are shifted by `shift` milliseconds at most."""
    want, have = read(source), read(received)
    return _judge(want, have, shift)


def expect_from(source, received, key, shift):
    """The video packets from the key frame at a time on, and the audio from there."""
    want, have = read(source), read(received)
    video, audio = want["video"], want["audio"]
    first = next(number for number, packet in enumerate(video) if packet.pts - video[0].pts > key - CLOSE)
    begin = video[first].dts
    skipped = len(audio) - len(have["audio"])
    if not 0 <= skipped < len(audio) or abs(audio[skipped].dts - begin) > 60:
        raise Failure(f"{len(have['audio'])} of {len(audio)} audio packets from the key frame on")
    return _judge({"video": video[first:], "audio": audio[skipped:]}, have, shift)


def _judge(want, have, shift):
    shifts, counts = [], []
    for kind, packets in want.items():
        got = have.get(kind, [])
        if [packet.digest for packet in packets] != [packet.digest for packet in got]:
            raise Failure(f"{len(got)} {kind} packets, not the {len(packets)} of the file")
        for a, b in zip(packets, got):
            shifts += [b.dts - a.dts, b.pts - a.pts]
        counts.append(f"{len(got)} {kind}")
    if max(shifts) - min(shifts) > 2 * CLOSE or max(map(abs, shifts)) > shift + CLOSE:
        raise Failure(f"times are shifted by {min(shifts):.1f} to {max(shifts):.1f} ms")
    return f"{' and '.join(counts)} packets of the file, shifted by {sorted(shifts)[len(shifts) // 2]:.0f} ms"
