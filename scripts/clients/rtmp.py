"""A small RTMP client connection: messages in, messages out, headers as short as librtmp makes them."""

import os
import socket
import ssl
import struct
from typing import NamedTuple

from . import amf

SET_CHUNK_SIZE, ACKNOWLEDGEMENT, USER_CONTROL, WINDOW = 1, 3, 4, 5
AUDIO, VIDEO, DATA_AMF3, DATA, COMMAND = 8, 9, 15, 18, 20
MEDIA = (AUDIO, VIDEO, DATA_AMF3, DATA)
STREAM_EOF, PING, PONG = 1, 6, 7
CHUNK_SIZE = 4096
CONTROL_CSID, COMMAND_CSID, MEDIA_CSID = 2, 3, 4
PATIENCE = 10
ROUND = 1 << 32  # where timestamps begin again


class Closed(Exception):
    """The server has closed the connection, or refuses what was asked, with its words."""


class Message(NamedTuple):
    """One that has come in whole; its time is in milliseconds."""
    kind: int
    time: int
    payload: bytes

    def is_end(self):
        """StreamEOF: what was played is over."""
        return self.kind == USER_CONTROL and self.payload[:2] == struct.pack(">H", STREAM_EOF)


class Connection:
    """One connection, from the handshake on."""

    def __init__(self, host, port, authority=None):
        """With the file of an authority, over TLS, and the server's certificate has to be signed by it."""
        self.socket = socket.create_connection((host, port), PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if authority:
            trust = ssl.create_default_context(cafile=authority)
            self.socket = trust.wrap_socket(self.socket, server_hostname=host)
        self.received = self.acknowledged = 0
        self.window = 2_500_000
        self.chunk_size_in = self.chunk_size_out = 128
        self.sent = {}  # chunk stream -> the header sent last
        self.streams_in = {}  # chunk stream -> what is known of it
        self.handshake()

    def handshake(self):
        c1 = struct.pack(">II", 0, 0) + os.urandom(1528)
        self.socket.sendall(b"\x03" + c1)
        s0s1 = self.take(1537)
        if s0s1[0] != 3:
            raise Closed(f"S0 is {s0s1[0]}")
        self.socket.sendall(s0s1[1:])
        if self.take(1536)[8:] != c1[8:]:
            raise Closed("S2 does not echo C1")

    def take(self, count):
        data = bytearray()
        while len(data) < count:
            piece = self.socket.recv(count - len(data))
            if not piece:
                raise Closed("the server closed the connection")
            data += piece
        self.received += count
        return bytes(data)

    def send(self, csid, kind, payload, msid=0, at=0):
        """One message; its time, and the steps of time, are taken round 32 bits."""
        at %= ROUND
        last = self.sent.get(csid)
        step = (at - last["at"]) % ROUND if last else 0
        # librtmp: a full header first, on another message stream, and when time goes back.
        if last is None or last["msid"] != msid or step >= ROUND // 2:
            form, stamp = 0, at
        else:
            stamp = step
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
        pieces = [header, extended, payload[:self.chunk_size_out]]
        for start in range(self.chunk_size_out, len(payload), self.chunk_size_out):
            pieces += [bytes([0xC0 | csid]), extended, payload[start:start + self.chunk_size_out]]
        self.sent[csid] = {"msid": msid, "at": at, "stamp": stamp, "kind": kind, "length": len(payload)}
        self.socket.sendall(b"".join(pieces))

    def command(self, *values, msid=0):
        self.send(COMMAND_CSID, COMMAND, amf.encode(*values), msid)

    def set_chunk_size(self):
        """Tells the size of our chunks, and keeps to it."""
        self.send(CONTROL_CSID, SET_CHUNK_SIZE, struct.pack(">I", CHUNK_SIZE))
        self.chunk_size_out = CHUNK_SIZE

    def receive(self):
        """The next whole message; control messages are obeyed on the way."""
        while True:
            message = self.receive_chunk()
            if self.received - self.acknowledged > self.window // 10:
                self.acknowledged = self.received
                self.send(CONTROL_CSID, ACKNOWLEDGEMENT, struct.pack(">I", self.received % ROUND))
            if message:
                self.obey(message)
                return message

    def receive_chunk(self):
        first = self.take(1)[0]
        form, csid = first >> 6, first & 0x3F
        if csid < 2:
            csid = 64 + int.from_bytes(self.take(csid + 1), "little")
        state = self.streams_in.setdefault(csid, {"time": 0, "stamp": 0, "size": 0, "kind": 0, "payload": bytearray()})
        if form < 3:
            state["stamp"] = int.from_bytes(self.take(3))
            state["extended"] = state["stamp"] == 0xFFFFFF
        if form < 2:
            state["size"] = int.from_bytes(self.take(3))
            state["kind"] = self.take(1)[0]
        if form < 1:
            self.take(4)
        if state["extended"]:
            state["stamp"] = int.from_bytes(self.take(4))
        if not state["payload"]:
            state["time"] = state["stamp"] if form == 0 else (state["time"] + state["stamp"]) % ROUND
        state["payload"] += self.take(min(self.chunk_size_in, state["size"] - len(state["payload"])))
        if len(state["payload"]) < state["size"]:
            return None
        payload, state["payload"] = bytes(state["payload"]), bytearray()
        return Message(state["kind"], state["time"], payload)

    def obey(self, message):
        if message.kind == SET_CHUNK_SIZE:
            self.chunk_size_in = struct.unpack(">I", message.payload)[0]
        elif message.kind == WINDOW:
            self.window = struct.unpack(">I", message.payload)[0]
        elif message.kind == USER_CONTROL and message.payload[:2] == struct.pack(">H", PING):
            self.send(CONTROL_CSID, USER_CONTROL, struct.pack(">H", PONG) + message.payload[2:6])

    def answer(self, name, transaction):
        """Waits for the _result or onStatus; returns what follows the command object."""
        while True:
            message = self.receive()
            if message.kind != COMMAND:
                continue
            got, number, *rest = amf.decode(message.payload)
            if got == "_error" or (got == "onStatus" and rest[1].get("level") == "error"):
                raise Closed(f"the server refuses: {rest}")
            if (got, number) == (name, transaction):
                return rest[1:]
