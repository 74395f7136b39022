#!/usr/bin/env python3
"""Publishes an FLV file in real time in the way OBS Studio does: the same commands in the same order with
transaction ids, one chunk stream for audio and video, headers compressed to types 0 to 3, acknowledgements.

usage: obs.py FILE.flv HOST PORT APPLICATION STREAM
"""

import os
import pathlib
import socket
import struct
import sys
import threading
import time

if __package__ in (None, ""):
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from clients import amf, flv

SET_CHUNK_SIZE, ACKNOWLEDGEMENT, USER_CONTROL, WINDOW, COMMAND = 1, 3, 4, 5, 20
CHUNK_SIZE = 4096
CONTROL_CSID, COMMAND_CSID, MEDIA_CSID = 2, 3, 4
PATIENCE = 10


class Connection:
    """An RTMP connection: messages in, messages out."""

    def __init__(self, host, port):
        self.socket = socket.create_connection((host, port), PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = self.acknowledged = 0
        self.window = 2_500_000
        self.chunk_size_in = self.chunk_size_out = 128
        self.sent = {}  # chunk stream -> the header sent last
        self.streams_in = {}  # chunk stream -> [time, length, type, payload so far]
        self.handshake()

    def handshake(self):
        c1 = struct.pack(">II", 0, 0) + os.urandom(1528)
        self.socket.sendall(b"\x03" + c1)
        s0s1 = self.take(1537)
        if s0s1[0] != 3:
            raise SystemExit(f"S0 is {s0s1[0]}")
        self.socket.sendall(s0s1[1:])
        if self.take(1536)[8:] != c1[8:]:
            raise SystemExit("S2 does not echo C1")

    def take(self, count):
        data = b""
        while len(data) < count:
            piece = self.socket.recv(count - len(data))
            if not piece:
                raise SystemExit("the server closed the connection")
            data += piece
        self.received += count
        return data

    def send(self, csid, kind, payload, msid=0, at=0):
        """One message, its header as short as librtmp makes it."""
        last = self.sent.get(csid)
        # librtmp: a full header first, on another message stream, and when time goes back.
        if last is None or last["msid"] != msid or at < last["at"]:
            form, stamp = 0, at
        else:
            stamp = at - last["at"]
            same = (last["kind"], last["length"]) == (kind, len(payload))
            form = 1 if not same else 2 if stamp != last["stamp"] else 3
        header = bytes([form << 6 | csid])
        if form < 3:
            header += min(stamp, 0xFFFFFF).to_bytes(3)
        if form < 2:
            header += len(payload).to_bytes(3) + bytes([kind])
        if form < 1:
            header += struct.pack("<I", msid)
        extended = struct.pack(">I", stamp) if stamp >= 0xFFFFFF else b""
        data = header + extended + payload[:self.chunk_size_out]
        for start in range(self.chunk_size_out, len(payload), self.chunk_size_out):
            data += bytes([0xC0 | csid]) + extended + payload[start:start + self.chunk_size_out]
        self.sent[csid] = {"msid": msid, "at": at, "stamp": stamp, "kind": kind, "length": len(payload)}
        self.socket.sendall(data)

    def command(self, *values, msid=0):
        self.send(COMMAND_CSID, COMMAND, amf.encode(*values), msid)

    def receive(self):
        """The next whole message, as (type, payload); control messages are obeyed on the way."""
        while True:
            message = self.receive_chunk()
            if self.received - self.acknowledged > self.window // 10:
                self.acknowledged = self.received
                self.send(CONTROL_CSID, ACKNOWLEDGEMENT, struct.pack(">I", self.received))
            if message:
                self.obey(*message)
                return message

    def receive_chunk(self):
        first = self.take(1)[0]
        form, csid = first >> 6, first & 0x3F
        if csid < 2:
            csid = 64 + int.from_bytes(self.take(csid + 1), "little")
        state = self.streams_in.setdefault(csid, [0, 0, 0, b""])
        if form < 3:
            state[0] = int.from_bytes(self.take(3))
        if form < 2:
            state[1] = int.from_bytes(self.take(3))
            state[2] = self.take(1)[0]
        if form < 1:
            self.take(4)
        if state[0] == 0xFFFFFF:
            self.take(4)
        state[3] += self.take(min(self.chunk_size_in, state[1] - len(state[3])))
        if len(state[3]) < state[1]:
            return None
        payload, state[3] = state[3], b""
        return state[2], payload

    def obey(self, kind, payload):
        if kind == SET_CHUNK_SIZE:
            self.chunk_size_in = struct.unpack(">I", payload)[0]
        elif kind == WINDOW:
            self.window = struct.unpack(">I", payload)[0]
        elif kind == USER_CONTROL and payload[:2] == b"\0\6":
            self.send(CONTROL_CSID, USER_CONTROL, b"\0\7" + payload[2:6])

    def answer(self, name, transaction):
        """Waits for the _result or onStatus; returns what follows the command object."""
        while True:
            kind, payload = self.receive()
            if kind != COMMAND:
                continue
            got, number, *rest = amf.decode(payload)
            if got == "_error" or (got == "onStatus" and rest[1].get("level") == "error"):
                raise SystemExit(f"the server refuses: {rest}")
            if (got, number) == (name, transaction):
                return rest[1:]


def begin(connection, app, url, stream):
    """Everything up to the right to send media; returns the message stream id."""
    connection.send(CONTROL_CSID, SET_CHUNK_SIZE, struct.pack(">I", CHUNK_SIZE))
    connection.chunk_size_out = CHUNK_SIZE
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
    except (OSError, SystemExit):
        pass


def publish(path, host, port, app, stream):
    connection = Connection(host, port)
    msid = begin(connection, app, f"rtmp://{host}:{port}/{app}", stream)
    connection.socket.settimeout(None)
    threading.Thread(target=listen, args=[connection], daemon=True).start()
    start = time.monotonic()
    for tag in flv.read(path):
        time.sleep(max(0, tag.time / 1000 - (time.monotonic() - start)))
        payload = amf.encode("@setDataFrame") + tag.payload if tag.kind == flv.SCRIPT else tag.payload
        connection.send(MEDIA_CSID, tag.kind, payload, msid, tag.time)
    connection.command("FCUnpublish", 6, None, stream)
    connection.command("deleteStream", 7, None, msid)
    connection.socket.shutdown(socket.SHUT_WR)
    time.sleep(0.2)


if __name__ == "__main__":
    if len(sys.argv) != 6:
        sys.exit(__doc__)
    publish(pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), *sys.argv[4:])
