#!/usr/bin/env python3
"""Plays a stream and writes every media and data message as it is, as a tag of an FLV file, until the stream
ends. The last line it prints says by how many milliseconds the first video frame was older than the request
for it; negative: how long it was waited for.

usage: play.py FILE.flv HOST PORT APPLICATION STREAM [AUTHORITY.pem]

With the certificate of an authority it plays over TLS.
"""

import pathlib
import statistics
import sys
import time

if __package__ in (None, ""):
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from clients import flv, rtmp

PATIENCE = 30


def play(path, host, port, app, stream, authority=None):
    connection = rtmp.Connection(host, port, authority)
    connection.set_chunk_size()
    connection.command("connect", 1, {"app": app, "tcUrl": f"rtmp{'s' if authority else ''}://{host}:{port}/{app}"})
    connection.answer("_result", 1)
    connection.command("createStream", 2, None)
    msid = int(connection.answer("_result", 2)[0])
    asked = time.monotonic() * 1000
    connection.command("play", 3, None, stream, msid=msid)
    connection.socket.settimeout(PATIENCE)
    arrivals = []
    with path.open("wb") as file:
        file.write(flv.HEADER)
        while not (message := connection.receive()).is_end():
            if message.kind in rtmp.MEDIA:
                tag = flv.Tag(message.kind, message.time, message.payload, file.tell())
                file.write(tag.encode())
                arrivals.append((tag, time.monotonic() * 1000))
    print(f"{len(arrivals)} messages; first frame {age(arrivals, asked):.0f} ms")


def age(arrivals, asked):
    """How long before the request the first video frame was sent, by the timing of the later messages."""
    pictures = [(tag.time, at) for tag, at in arrivals if tag.kind == flv.VIDEO and tag.is_frame()]
    first = pictures[0][0]
    pace = statistics.median(at - (time - first) % rtmp.ROUND for time, at in pictures)
    return asked - pace


if __name__ == "__main__":
    if len(sys.argv) not in (6, 7):
        sys.exit(__doc__)
    try:
        play(pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), *sys.argv[4:])
    except rtmp.Closed as why:
        sys.exit(f"play: {why}")
