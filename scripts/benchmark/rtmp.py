"""A blocking RTMP client with the few messages that are needed (Adobe's specification, 1.0)."""

import struct

HELLO = 1536  # bytes of C1, S1 and S2 (5.2.3)
CHUNK = 65_536  # chunk size of this client, which is larger than its messages
SET_CHUNK_SIZE, VIDEO, COMMAND = 1, 9, 20  # message types
CONTROL, COMMANDS, MEDIA = 2, 3, 6  # chunk streams

# AVCDecoderConfigurationRecord of a 1280x720 video, after its FLV tag header; and a video frame of so many bytes.
HEADER = bytes.fromhex("1700000000 0142c01fff e1000967 42c01fda 014016ec 01000468 ce3c80")


def picture(length, is_key, end=b"", filling=b"\0"):
    unit = (b"\x65\x88" if is_key else b"\x41\x9a") + filling * (length - 2 - len(end)) + end
    return (b"\x17" if is_key else b"\x27") + b"\x01\x00\x00\x00" + struct.pack(">I", length) + unit


def greet(client):
    """The handshake."""
    client.sendall(b"\x03" + bytes(8) + b"\x5a" * (HELLO - 8))
    answer = receive(client, 1 + 2 * HELLO)
    client.sendall(answer[1:1 + HELLO] + message(CONTROL, SET_CHUNK_SIZE, 0, struct.pack(">I", CHUNK)))


def connect(client, application):
    greet(client)
    client.sendall(command(0, "connect", 1.0, {"app": application, "tcUrl": "rtmp://127.0.0.1/" + application}))
    receive_to(client, b"NetConnection.Connect.Success")


def publish(client, application, stream, pictures=()):
    """Publishes, and sends a header and video frames, 40 ms apart."""
    connect(client, application)
    client.sendall(command(1, "publish", 0.0, None, stream, "live"))
    receive_to(client, b"NetStream.Publish.Start")
    bodies = [HEADER, *pictures] if pictures else []
    client.sendall(b"".join(message(MEDIA, VIDEO, 1, body, index * 40) for index, body in enumerate(bodies)))


def play(client, application, stream):
    connect(client, application)
    client.sendall(command(1, "play", 0.0, None, stream))
    receive_to(client, b"NetStream.Play.Start")


def command(stream, name, transaction, *values):
    return message(COMMANDS, COMMAND, stream, b"".join(map(amf, (name, transaction, *values))))


def message(chunk_stream, kind, stream, body, time=0):
    """A message of one chunk (5.3.1)."""
    assert len(body) <= CHUNK
    return (bytes([chunk_stream]) + struct.pack(">I", time)[1:] + struct.pack(">I", len(body))[1:] + bytes([kind])
            + struct.pack("<I", stream) + body)


def amf(value):
    """An AMF0 value."""
    if value is None:
        return b"\x05"
    if isinstance(value, float):
        return b"\x00" + struct.pack(">d", value)
    if isinstance(value, str):
        return b"\x02" + text(value)
    return b"\x03" + b"".join(text(name) + amf(each) for name, each in value.items()) + b"\x00\x00\x09"


def text(value):
    encoded = value.encode()
    return struct.pack(">H", len(encoded)) + encoded


def receive(client, count):
    received = b""
    while len(received) < count:
        received += some(client, count - len(received))
    return received


def receive_to(client, word):
    received = b""
    while word not in received:
        received = received[-len(word):] + some(client, 65_536)


def some(client, most):
    received = client.recv(most)
    if not received:
        raise ConnectionError("the server hangs up")
    return received
