"""Browsers watch a stream whose encoder is stopped and started again: none needs a hand to go on."""

import re
import time

from . import browsers
from .lab import Failure, wait

NAME = "stop-and-start"
AWAY = 5  # seconds that nobody publishes
SECONDS = 30  # that are watched: the buffer, the encoder's absence, what a player waits for then, and some to be judged
PLAYERS = ("hls-js", "video", "console", "player-alone")


def watch(lab, clip, cases, results):
    """All players at once."""
    source = clip.long()
    publisher = publish(lab, source)
    players = [(case, browsers.start(lab, case.word.removeprefix("chromium-"), NAME, SECONDS, "stops"))
               for case in cases]
    for _, player in players:
        try:
            wait(60, "it to play", lambda player=player: player.ended() or "it plays" in player.output())
        except Failure:
            pass  # it says so itself
    publisher.interrupt()
    publisher.wait(10)
    time.sleep(AWAY)
    publisher = publish(lab, source)
    for case, player in players:
        results.case(case.name, lambda player=player: browsers.finish(player).removeprefix("it plays / "))
    results.case(f"{cases[0].publisher}/{cases[0].clip}/publish", lambda: judge(lab))
    publisher.interrupt()
    publisher.wait(10)


def publish(lab, source):
    return lab.run("stopped.publisher", ["ffmpeg", "-v", "warning", "-re", "-i", source, "-c", "copy", "-f", "flv",
                                         lab.url(NAME, "tv")])


def judge(lab):
    playlist = (lab.get(f"hls/{NAME}.m3u8") or b"").decode()
    stops = len(re.findall(f"stops publishing tv/{NAME} ", lab.server_log()))
    slid_out = re.search(r"DISCONTINUITY-SEQUENCE:(\d+)", playlist)
    breaks = playlist.count("#EXT-X-DISCONTINUITY\n") + int(slid_out[1] if slid_out else 0)
    if (stops, breaks) != (1, 1) or "ENDLIST" in playlist:
        raise Failure(f"{stops} stops, {breaks} discontinuities: {playlist}")
    return "one discontinuity, and no end"
