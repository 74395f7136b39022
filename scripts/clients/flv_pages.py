"""Pages with mpegts.js and flv.js, which play FLV over WebSocket and HTTP: many streams at once in one page. The players
ask for them before they are published, so that a track that comes late is late for them.
"""

import re
import sys
import time
from typing import Any, NamedTuple

from . import clips, flv
from .browsers import SCRIPTS, environment
from .lab import Failure, run_to_end, wait
from .publishers import PUBLISH, address

NAME = "flv-page"  # in place of the publisher
WATCHED, WATCHED_ALONE = 4, 6  # seconds
LATE = 2000  # milliseconds after which a late track begins
PATIENCE = 60  # seconds
BOTH, PICTURES, SOUND, PARSED, CLOCK, CHANGING = "video,audio", "video", "audio", "parsed", "clock", "late"
SILENT, CANNOT, CUT, CODEC, OWN_HLS = "silent", "cannot", "cut", "codec", "hls"  # of the server's own player


def twice(tags):
    """The clip, and then again what it shows."""
    shown = [tag for tag in tags if tag.kind in flv.TRACKS and not tag.is_header()]
    return [*tags, *(tag._replace(time=tag.time + clips.SECONDS * 1000) for tag in shown)]


def late(kind):
    """Tags of one kind begin late, with a key frame if there are any, behind their header. A player that begins anew has time."""
    def shape(tags):
        tags = twice(tags)
        header = next(tag for tag in tags if tag.kind == kind and tag.is_header())
        start = next(tag.time for tag in tags
                     if tag.kind == kind and tag.time >= LATE and (kind == flv.AUDIO or tag.is_key()))
        kept = [tag for tag in tags if tag.kind in flv.TRACKS and (tag.kind != kind or tag.time >= start)]
        return sorted([*kept, header._replace(time=start)], key=lambda tag: (tag.time, not tag.is_header()))
    return shape


def enhanced(tags):
    """H.264 and AAC with FourCCs, every third picture behind extensions."""
    def change(number, tag):
        body = tag.payload
        if tag.kind == flv.VIDEO:
            head = bytes([0x80 | body[0] & 0x70 | body[1]]) + b"avc1"
            body = head + (body[2:] if body[1] == 1 else body[5:])
            body = clips.mod_ex(body) if tag.is_frame() and number % 3 == 0 else body
        elif tag.kind == flv.AUDIO:
            body = bytes([0x90 | body[1]]) + b"mp4a" + body[2:]
        return tag._replace(payload=body)
    return [change(number, tag) for number, tag in enumerate(tags)]


class Stream(NamedTuple):
    """What is published: a clip, what is made of its tags, and a clip that follows."""
    clip: str
    shape: Any = list
    then: str = ""

    def clips(self):
        return {self.clip, self.then} - {""}


STREAMS = {
    **{clip: Stream(clip) for clip in (
        "h264+aac", "h264+mp3", "h264+opus", "h264+flac", "h264", "aac", "av1-without-hints+aac", "hevc+aac", "hdr+aac51", "hevc+ac3",
        "vp9+opus", "2xh264+2xaac", CLOCK)},
    "late-audio": Stream("h264+aac", late(flv.AUDIO)),
    "late-video": Stream("h264+aac", late(flv.VIDEO)),
    "enhanced": Stream("h264+aac", enhanced),
    "cut": Stream("h264+aac", twice),
    "codec": Stream("h264+aac", then="av1-without-hints+aac"),
    "hls": Stream("h264+aac", twice),
}
# What is to be seen of them. A player is told of the tracks that there are, and let go when another one has come. Chromium has no decoder of HEVC; the libraries know neither VP9 nor AC-3.
PLAYERS = {
    "mpegts-js": ("ws", {
        **dict.fromkeys(("h264+aac", "h264+mp3", "h264+opus", "h264+flac", "av1-without-hints+aac", "2xh264+2xaac", "enhanced"), BOTH),
        "h264": PICTURES, "aac": SOUND, "vp9+opus": SOUND, "late-audio": CHANGING, "late-video": CHANGING,
        "hevc+aac": PARSED, "hdr+aac51": PARSED, "hevc+ac3": PARSED, CLOCK: CLOCK}),
    # Browsers have six connections for one host.
    "flv-js": ("http", {"h264+aac": BOTH, "h264+mp3": BOTH, "h264": PICTURES, "aac": SOUND, "late-audio": CHANGING,
                        "late-video": CHANGING}),
    "player": ("ws", {
        **dict.fromkeys(("h264+aac", "h264+mp3", "h264+opus", "h264+flac", "av1-without-hints+aac", "2xh264+2xaac", "enhanced"), BOTH),
        "h264": PICTURES, "aac": SOUND, "vp9+opus": SOUND, "late-audio": CHANGING, "late-video": CHANGING, "hevc+aac": SILENT,
        "hdr+aac51": SILENT, "hevc+ac3": CANNOT, CLOCK: CLOCK, "cut": CUT, "codec": CODEC, "hls": OWN_HLS}),
}
BYTES = "player-bytes"  # no page: the parsers of the player alone
CASES = [(stream, f"chromium-{player}") for player, (_, wanted) in PLAYERS.items() for stream in wanted] + [("enhanced", BYTES)]


def sources(cases):
    """The clips that cases need."""
    return set().union(*(STREAMS[case.clip].clips() for case in cases if case.publisher == NAME))


def watch(lab, made, cases, results):
    """The libraries' pages at the same time, and then our own: two processor cores have enough to do with that."""
    for words in (("mpegts-js", "flv-js"), ("player",)):
        chosen = [case for case in cases if case.word.removeprefix("chromium-") in words]
        if chosen:
            watch_at_once(lab, made, chosen, results)
    for case in cases:
        if case.word == BYTES:
            results.case(case.name, lambda case=case: parse(lab, made, case.clip))


def parse(lab, made, stream):
    """Streams in pieces, and what is no stream, for the parsers of the player."""
    source = lab.folder / f"{BYTES}.ts"
    run_to_end(["ffmpeg", "-v", "error", "-i", made[STREAMS[stream].clip].path, "-c", "copy", source], lab.folder)
    return run_to_end(["node", SCRIPTS / f"{BYTES}.mjs", write(lab, made, stream), source], lab.folder).strip()


def watch_at_once(lab, made, cases, results):
    """One page for each player."""
    words = list(dict.fromkeys(case.word.removeprefix("chromium-") for case in cases))
    begun, streams = lab.folder / f"{NAME}.{words[0]}.begun", sorted({case.clip for case in cases})
    sources = {stream: write(lab, made, stream) for stream in streams}
    pages = {word: open_page(lab, word, begun, [case.clip for case in cases if case.word == f"chromium-{word}"])
             for word in words}
    for page in pages.values():
        wait(PATIENCE, "the page", lambda page=page: page.ended() or "\nready" in page.output())
    start = time.time() + 1
    publishers = [publish(lab, stream, path, start) for stream, path in sources.items()]
    write_whole(begun, str(start))
    for case in cases:
        page = pages[case.word.removeprefix("chromium-")]
        results.case(case.name, lambda case=case, page=page: judge(page, name(case.clip)))
    for publisher in publishers:
        publisher.kill()


def write(lab, made, stream):
    """The file that is published."""
    clip, shape, then = STREAMS[stream]
    path = lab.folder / f"{NAME}.{stream}.flv"
    read = lambda clip: flv.read(made[clip].flv(made[clip].recipe.program))
    following = [tag._replace(time=tag.time + clips.SECONDS * 1000) for tag in read(then)] if then else []
    flv.write(path, [*shape(read(clip)), *following])
    return path


def write_whole(path, text):
    part = path.with_suffix(".part")
    part.write_text(text)
    part.rename(path)


def publish(lab, stream, path, start):
    return lab.run(f"{NAME}.{stream}.publisher", [
        sys.executable, PUBLISH, "--at", start, path, *address(lab.url(name(stream)))])


def open_page(lab, word, begun, streams):
    scheme, wanted = PLAYERS[word]
    return start_page(lab, word, scheme, begun, WATCHED, {name(stream): wanted[stream] for stream in streams})


def start_page(lab, script, scheme, begun, seconds, streams, publisher="rtmp"):
    """A page that plays these streams, with what is to be seen of each."""
    if not (SCRIPTS / "node_modules").is_dir():
        raise Failure("tests/browser/node_modules is missing: run scripts/install-peers")
    base = lab.http("live/", scheme="https" if publisher == "rtmps" else "http")
    base = scheme + base.removeprefix("http") if scheme == "ws" else base
    words = [f"{stream}={wanted}" for stream, wanted in streams.items()]
    command = ["node", SCRIPTS / f"{script}.mjs", base, begun, seconds, *words]
    return lab.run(f"chromium.{script}.{next(iter(streams))}", command, environment(lab, publisher))


def alone(scheme):
    """A case that plays one stream, which has been published for some time; over TLS if it is published so."""
    def watch_one(lab, stream, publisher):
        begun = lab.folder / f"{NAME}.{publisher}.begun"
        write_whole(begun, str(time.time()))
        return judge(start_page(lab, "mpegts-js", scheme, begun, WATCHED_ALONE, {stream: BOTH}, publisher), stream)
    return watch_one


def judge(page, stream):
    """What a page says of a stream."""
    line = re.compile(rf"^{re.escape(stream)}: (PASS|FAIL) (.*)$", re.MULTILINE)
    wait(PATIENCE, "the page to judge", lambda: page.ended() or line.search(page.output()))
    if not (said := line.search(page.output())):
        raise Failure(page.last_words())
    if said[1] == "FAIL":
        raise Failure(said[2])
    return said[2]


def name(stream):
    return f"{NAME}-{stream}"
