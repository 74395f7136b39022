#!/usr/bin/env python3
"""Publishes an FLV file in real time, or faster, as it is, every tag a message, in the way OBS Studio does: the same
commands in the same order with transaction ids, one chunk stream for audio, video and data, headers
compressed to types 0 to 3, acknowledgements. Says at the end how many messages it has sent.

usage: publish.py [--shift MILLISECONDS] [--speed TIMES] [--at SECONDS] FILE.flv HOST PORT APPLICATION STREAM
"""

import argparse
import pathlib
import socket
import sys
import threading
import time

if __package__ in (None, ""):
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from clients import amf, flv, rtmp


def begin(connection, app, url, stream):
    """Everything up to the right to send media; returns the message stream id."""
    connection.set_chunk_size()
    connection.command("connect", 1, {
        "app": app, "type": "nonprivate", "flashVer": "FMLE/3.0 (compatible; FMSc/1.0)",
        "swfUrl": url, "tcUrl": url,
    })
    connection.answer("_result", 1)
    # OBS does not wait for an answer between these.
    connection.command("releaseStream", 2, None, stream)
    connection.command("FCPublish", 3, None, stream)
    connection.command("createStream", 4, None)
    msid = int(connection.answer("_result", 4)[0])
    connection.command("publish", 5, None, stream, "live", msid=msid)
    while True:
        info = connection.answer("onStatus", 0)[0]
        if info["code"] == "NetStream.Publish.Start":
            return msid


def listen(connection):
    """Reads what the server says while media is sent, so that pings and windows are honoured."""
    try:
        while True:
            connection.receive()
    except (OSError, rtmp.Closed):
        pass


def publish(path, shift, speed, begin_at, host, port, app, stream):
    tags = flv.read(path)
    connection = rtmp.Connection(host, port)
    msid = begin(connection, app, f"rtmp://{host}:{port}/{app}", stream)
    connection.socket.settimeout(None)
    threading.Thread(target=listen, args=[connection], daemon=True).start()
    time.sleep(max(0, begin_at - time.time()))
    start = time.monotonic() - tags[0].time / 1000 / speed
    for tag in tags:
        time.sleep(max(0, tag.time / 1000 / speed - (time.monotonic() - start)))
        payload = amf.encode("@setDataFrame") + tag.payload if tag.is_metadata() else tag.payload
        connection.send(rtmp.MEDIA_CSID, tag.kind, payload, msid, tag.time + shift)
    connection.command("FCUnpublish", 6, None, stream)
    connection.command("deleteStream", 7, None, msid)
    connection.socket.shutdown(socket.SHUT_WR)
    time.sleep(0.2)
    print(f"sent {len(tags)} messages")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shift", type=int, default=0, help="added to every timestamp")
    parser.add_argument("--speed", type=float, default=1, help="how many times as fast as in real time")
    parser.add_argument("--at", type=float, default=0, help="the time to begin at, in seconds since 1970")
    parser.add_argument("file", type=pathlib.Path)
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("application")
    parser.add_argument("stream")
    at = parser.parse_args()
    try:
        publish(at.file, at.shift, at.speed, at.at, at.host, at.port, at.application, at.stream)
    except rtmp.Closed as why:
        sys.exit(f"publish: {why}")


if __name__ == "__main__":
    main()
