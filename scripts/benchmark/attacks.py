"""The table of attacks: what they are, and the files that they need."""

import dataclasses
import os
import struct
import time

from .programs import Failure
from .servers import PATIENCE
from .worst import SLOW_READS, Worst

ENTRIES = 4096  # of a folder, as many as are listed
LARGE = 2_000_000  # bytes of a download
COLD = 60  # files that are not in memory
COLD_BYTES = 100_000  # of each
TAGS = 14_500_000  # in a torn file; with their 16 bytes each 232 MB
TOGETHER = 100_000  # that are written at once
TAG_HEADER, LINK = 11, 4
TORN_AFTER = 1.5  # seconds of a recording
DELAY = 200_000  # microseconds that a slow disk takes
HANGS = 10_000_000  # microseconds of one call to a disk that hangs

HLS = "hls on; hls_path {folder}/hls; hls_fragment 2s;"
RECORD = "record all; record_path {folder}/rec;"
EVENT = "hls on; hls_path {folder}/hls; hls_fragment 5ms; hls_fast_start off; hls_type event;"
ENDED = "hls on; hls_path {folder}/hls; hls_fragment 2s; hls_playlist_length 10m;"
TORN = RECORD + " record_append on;"
HLS_IN_MEMORY = "hls on; hls_memory on; hls_path {folder}/hls; hls_fragment 2s;"
LIST = "location /list {{ root {folder}/www; autoindex on; }}"
REGEX = r"location ~ \.php(/|$) {{ return 403; }} location ~* \.(gif|jpe?g|png)$ {{ return 403; }}"
PAGE = "location /page {{ page on; }}"
CROWD = "10 000 %s, for a second each"
MANY = {"peers": 10_000}


def listed_files(lab, load, folder):
    (folder / "www" / "list").mkdir()
    for number in range(lab.scale(ENTRIES)):
        (folder / "www" / "list" / f"camera-{number:04}.ts").touch()


def files(lab, load, folder):
    (folder / "www" / "large.bin").write_bytes(bytes(lab.scale(LARGE)))
    (folder / "www" / "small.txt").write_text("small\n")


def cold_files(lab, load, folder):
    """Makes files, and has the kernel drop them from its memory."""
    (folder / "www" / "cold").mkdir()
    for number in range(COLD):
        with (folder / "www" / "cold" / f"{number:04}").open("wb") as file:
            file.write(bytes(COLD_BYTES))
            file.flush()
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def torn_recording(lab, load, folder):
    """Makes a recording whose server was killed: after its last complete tag, it has many tags of one byte of audio."""
    with lab.servers.run("millstream", folder, extras=load.extras(lab)) as server:
        with lab.attacker.prepared(server, "steady", count=60) as publisher:
            publisher.begin()
            time.sleep(TORN_AFTER)
            server.process.kill()
            server.process.wait(PATIENCE)
    path, = (folder / "rec").iterdir()
    content = path.read_bytes()
    end, last_time = last_tag(content)
    tag = struct.pack(">I", 8 << 24 | 1) + last_time + bytes(3) + b"\xaf" + struct.pack(">I", TAG_HEADER + 1)
    with path.open("r+b") as file:
        file.truncate(end)
        file.seek(end)
        for _ in range(lab.scale(TAGS) // TOGETHER or 1):
            file.write(tag * TOGETHER)


def last_tag(content):
    """The position after the last complete tag, and the bytes of its timestamp."""
    end, last_time = 9 + LINK, bytes(4)
    while end + TAG_HEADER <= len(content):
        after = end + TAG_HEADER + int.from_bytes(content[end + 1:end + 4]) + LINK
        if after > len(content):
            break
        end, last_time = after, content[end + 4:end + 8]
    if not any(last_time):
        raise Failure("the recording to be torn has not grown")
    return end, last_time


ATTACKS = {
    "worst-nal-units": Worst(
        "24 publishers, HLS: the last byte of 8 MiB of NAL units of one byte",
        attack="nal-units", options={"peers": 24, "size": 8 << 20}, directives=HLS),
    "worst-start-codes": Worst(
        "24 publishers, HLS: the last byte of a video frame of 8 MiB with a start code",
        attack="start-codes", options={"peers": 24, "size": 8 << 20}, directives=HLS),
    "worst-syncframes": Worst(
        "12 publishers, HLS: twice 8 MiB of E-AC-3 in frames of 6 bytes",
        attack="syncframes", options={"peers": 12, "count": 2, "size": 8 << 20}, directives=HLS),
    "worst-aggregates": Worst(
        "12 publishers: 4 aggregate messages of 4 MiB of empty parts",
        attack="aggregates", options={"peers": 12, "count": 4, "size": 4 << 20}),
    "worst-listing": Worst(
        "150 HTTP clients: twice the listing of a folder with 4096 files",
        attack="listing", options={"peers": 150, "count": 2}, locations=LIST, prepare=listed_files),
    "worst-long-paths": Worst(
        "100 HTTP clients: 20 pipelined requests with a path of 4 kB, which two regular expressions must test",
        attack="long-paths", options={"peers": 100, "count": 20}, locations=REGEX),
    "worst-event": Worst(
        "hls_type event: 200 more fragments after 4000",
        attack="event", options={"before": 4000, "count": 200}, directives=EVENT),
    "worst-downloads": Worst(
        "200 HTTP clients: a file of 2 MB",
        attack="downloads", options={"peers": 200}, prepare=files),
    "worst-statistics": Worst(
        "20 HTTP clients: 10 times streams.json with 4000 streams",
        attack="statistics", options={"peers": 20, "count": 10, "before": 4000}, locations=PAGE),
    "worst-media-time": Worst(
        "12 publishers, recordings and HLS: 1500 key frames with timestamps 5 s apart",
        attack="media-time", options={"peers": 12, "count": 1500}, directives=RECORD + " " + HLS,
        is_on_disk=True),
    "worst-torn-file": Worst(
        "record_append: a stream whose file ends with 14.5 million tags of one byte",
        attack="steady", options={"count": 3}, directives=TORN, prepare=torn_recording),
    "worst-ended": Worst(
        "4096 ended HLS streams: 256 others are published at once, 16 by each session",
        attack="ended", options={"before": 4096, "count": 256}, directives=ENDED),
    "worst-churn": Worst(
        "10 peers: each opens 50 connections that publish or play and close",
        attack="churn", options={"peers": 10, "count": 50}),
    "worst-pipelines": Worst(
        "50 HTTP clients: 200 pipelined requests for a small file",
        attack="pipelines", options={"peers": 50, "count": 200}, prepare=files),
    "worst-silent": Worst(CROWD % "connections that send nothing", attack="crowd-silent", options=MANY),
    "worst-handshaken": Worst(
        CROWD % "RTMP clients that stop after the handshake", attack="crowd-handshaken", options=MANY),
    "worst-connected": Worst(
        CROWD % "RTMP clients that neither publish nor play", attack="crowd-connected", options=MANY),
    "worst-unfinished": Worst(
        CROWD % "RTMP clients with 60 kB of an incomplete message", attack="crowd-unfinished", options=MANY),
    "worst-replies": Worst(
        CROWD % "RTMP clients that read none of 480 responses", attack="crowd-replies", options=MANY),
    "worst-players": Worst(CROWD % "players that wait for a stream", attack="crowd-players", options=MANY),
    "worst-slow-players": Worst(
        CROWD % "players that do not read", attack="crowd-slow-players", options=MANY),
    "worst-publishers": Worst(CROWD % "publishers", attack="crowd-publishers", options=MANY),
    "worst-hls-publishers": Worst(
        CROWD % "publishers with HLS in memory", attack="crowd-publishers", options=MANY, directives=HLS_IN_MEMORY),
    "worst-http-idle": Worst(
        CROWD % "idle HTTP clients after a response", attack="crowd-idle", options=MANY, prepare=files),
    "worst-http-slow": Worst(
        "8000 HTTP clients that do not read, for a second each", attack="crowd-downloads", options={"peers": 8000}, prepare=files),
    "worst-slow-disk": Worst(
        f"a recording and HLS of 2 Mbit/s on a disk that takes {DELAY // 1000} ms for each call",
        attack="steady", options={"count": 6}, directives=RECORD + " " + HLS, is_on_disk=True, delay=DELAY),
    "worst-full-disk": Worst(
        "a recording and HLS of 2 Mbit/s on a disk that is full",
        attack="steady", options={"count": 6}, directives=RECORD + " " + HLS, is_on_disk=True,
        faulty_calls="pwrite64,rename", fault="error=ENOSPC"),
    "worst-hanging-disk": Worst(
        f"a recording and HLS of 2 Mbit/s on a disk that hangs for {HANGS // 1_000_000} s",
        attack="steady", options={"count": 14}, directives=RECORD + " " + HLS, is_on_disk=True, delay=HANGS,
        faulty_calls="pwrite64", fault="when=6"),
    "worst-cold-files": Worst(
        f"{COLD} HTTP clients: files that are not in memory, on a disk that takes {DELAY // 1000} ms for each call",
        attack="cold-files", options={"peers": COLD}, is_on_disk=True, delay=DELAY, faulty_calls=SLOW_READS,
        prepare=cold_files),
}

# The same through TLS, but for those in which files are the attack.
ATTACKS |= {
    name.replace("worst-", "worst-tls-"): dataclasses.replace(load, title=f"{load.title}; over TLS", is_encrypted=True)
    for name, load in ATTACKS.items() if not load.is_on_disk and load.prepare is not torn_recording}
