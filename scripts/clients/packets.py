"""The packets of two files as FFmpeg reads them: the same bytes, and times that are all shifted by the same."""

from typing import NamedTuple

from .lab import FFMPEG9, Failure

CLOSE = 1.5  # milliseconds by which a time may differ, as each is rounded
EARLIER = 131  # milliseconds by which FFmpeg seeks before what it is told, as pictures may be shown in another order
APART = 60  # milliseconds from the first picture after a seek to the first sound


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


def expect_same(source, received):
    """All packets, but for those in front that are never shown; times may all be shifted to begin at zero."""
    want, have = read(source), read(received)
    for kind, packets in want.items():
        hidden = len(packets) - len(have.get(kind, []))
        if 0 < hidden and packets[hidden - 1].pts < -CLOSE:
            del packets[:hidden]
    return _judge(want, have, read(source))


def expect_from(source, received, at, gop):
    """The packets from the last key frame before a time (milliseconds) on; key frames are `gop` frames and 1000 ms apart."""
    want, have = read(source), read(received)
    first, begin = _place(want["video"], have["video"])
    if first % gop or not begin - CLOSE <= at < begin + 1000 + EARLIER:
        raise Failure(f"the video begins with frame {first}, at {begin:.0f} ms; wanted was {at:.0f} ms")
    second, sound = _place(want["audio"], have["audio"])
    if abs(sound - begin) > APART:
        raise Failure(f"the audio begins at {sound:.0f} ms, the video at {begin:.0f} ms")
    return _judge({"video": want["video"][first:], "audio": want["audio"][second:]}, have, want)


def _place(packets, received):
    """The number of the first packet received in the file, and its time."""
    number = len(packets) - len(received)
    if not received or number < 0:
        raise Failure(f"{len(received)} packets, of {len(packets)} in the file")
    return number, received[0].dts


def _judge(want, have, file):
    """`file` tells by how much times may be shifted: decoding may begin before zero there, which RTMP cannot say."""
    shifts, counts = [], []
    for kind, packets in want.items():
        got = have.get(kind, [])
        if [packet.digest for packet in packets] != [packet.digest for packet in got]:
            raise Failure(f"{len(got)} {kind} packets, not the {len(packets)} of the file")
        shifts += [shift for a, b in zip(packets, got) if a.dts > -CLOSE for shift in (b.dts - a.dts, b.pts - a.pts)]
        counts.append(f"{len(got)} {kind}")
    most = max(0, *(-packets[0].dts for packets in file.values()))
    if max(shifts) - min(shifts) > 2 * CLOSE or not -CLOSE <= min(shifts) <= most + CLOSE:
        raise Failure(f"times are shifted by {min(shifts):.1f} to {max(shifts):.1f} ms, not by {most:.0f} at most")
    return f"{' and '.join(counts)} packets of the file, shifted by {sorted(shifts)[len(shifts) // 2]:.0f} ms"
