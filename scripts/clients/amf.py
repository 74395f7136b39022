"""AMF0, as far as RTMP commands and FLV script tags need it."""

import struct


def encode(*values):
    """The values one after the other, as bytes. Bytes become a long string, whatever they are."""
    return b"".join(_encode(value) for value in values)


def decode(data):
    """All values in the bytes, as a list. Objects, and arrays with names, become dictionaries."""
    values, at = [], 0
    while at < len(data):
        value, at = _decode(data, at)
        values.append(value)
    return values


def _encode(value):
    if value is None:
        return b"\x05"
    if isinstance(value, bool):
        return b"\x01" + bytes([value])
    if isinstance(value, (int, float)):
        return b"\x00" + struct.pack(">d", value)
    if isinstance(value, str):
        return b"\x02" + _name(value)
    if isinstance(value, bytes):
        return b"\x0c" + struct.pack(">I", len(value)) + value
    if isinstance(value, dict):
        return b"\x03" + b"".join(_name(key) + _encode(item) for key, item in value.items()) + b"\0\0\x09"
    raise TypeError(f"no AMF0 for {value!r}")


def _name(text):
    data = text.encode()
    return struct.pack(">H", len(data)) + data


def _decode(data, at):
    marker, at = data[at], at + 1
    if marker == 0:
        return struct.unpack_from(">d", data, at)[0], at + 8
    if marker == 1:
        return bool(data[at]), at + 1
    if marker == 2:
        return _decode_name(data, at)
    if marker == 3:
        return _decode_object(data, at)
    if marker in (5, 6):
        return None, at
    if marker == 8:
        return _decode_object(data, at + 4)
    if marker == 10:
        return _decode_list(data, at)
    if marker == 12:
        end = at + 4 + struct.unpack_from(">I", data, at)[0]
        return data[at + 4:end], end
    raise ValueError(f"AMF0 marker {marker} at {at - 1}")


def _decode_name(data, at):
    end = at + 2 + struct.unpack_from(">H", data, at)[0]
    return data[at + 2:end].decode(), end


def _decode_object(data, at):
    items = {}
    while data[at:at + 3] != b"\0\0\x09":
        key, at = _decode_name(data, at)
        items[key], at = _decode(data, at)
    return items, at + 3


def _decode_list(data, at):
    count, at = struct.unpack_from(">I", data, at)[0], at + 4
    items = []
    for _ in range(count):
        item, at = _decode(data, at)
        items.append(item)
    return items, at
