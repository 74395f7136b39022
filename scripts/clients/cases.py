"""Which client takes which publisher's broadcast of which clip: the matrix, in the order in which it runs."""

from typing import Any, NamedTuple

from . import (browsers, files, flv_pages, long_watch, obs_studio, played_files, players, publishers, refused, shaped, slow,
               stopped)

PUBLISHERS = publishers.PUBLISHERS | {"obs": obs_studio.ObsStudio, "obs-tls": publishers.over_tls(obs_studio.ObsStudio)}
CLIENTS = players.PLAYERS | {
    "record": files.Recording, "record-ffmpeg9": files.PlayRecording, "record-seek": files.Seek,
    "record-ffplay": files.FfplayRecording, "hls-ffmpeg": files.Hls, "hls-times": files.HlsTimes,
}
JOIN_LATE = ["hls-ffmpeg"]  # of those that do not play over RTMP
EVERY_BYTE = ["raw", "ffmpeg9", "rtmpdump", "rtmp2src", "record"]
ENHANCED = [*EVERY_BYTE, "record-ffmpeg9"]
LEGACY = [*EVERY_BYTE, "ffmpeg", "ffplay"]
WATCHED = [*ENHANCED, "ffmpeg", "ffplay", "mpv", "vlc"]
FLV = ["flv-curl", "flv-ffmpeg9"]  # whose form is that of what is published
FLV_WATCHED = [*FLV, "flv-ffmpeg", "flv-ffplay", "flv-ffprobe", "flv-mpv", "flv-vlc"]
OVER_TLS = ["raw", "ffmpeg9", "record"]

# Each line is a group of broadcasts that run side by side.
GROUPS = [
    [("ffmpeg", "h264+aac", [*WATCHED, "metadata", "record-seek", "record-ffplay", "hls-ffmpeg"]),
     ("ffmpeg9", "hevc+aac", [*ENHANCED, *FLV, "metadata", "hls-ffmpeg"]),
     ("ffmpeg9", "av1+aac", [*ENHANCED, *FLV]), ("ffmpeg9", "vp9+opus", [*ENHANCED, *FLV, "metadata"])],
    [("ffmpeg", "h264+mp3", WATCHED), ("ffmpeg9-says", "hevc+ac3", [*ENHANCED, "flv-curl", "hls-ffmpeg"]),
     ("ffmpeg9-says", "hevc+eac3", [*ENHANCED, "hls-ffmpeg"]), ("ffmpeg9", "hdr+aac51", [*ENHANCED, *FLV]),
     ("ffmpeg9", "h264+opus", ENHANCED)],
    [("ffmpeg", "flv1+mp3", WATCHED), ("ffmpeg9", "h264+flac", ENHANCED), ("ffmpeg9", "vvc+aac", [*ENHANCED, "flv-curl"]),
     ("ffmpeg9", "2xh264+2xaac", [*ENHANCED, *FLV])],
    [("ffmpeg9", "h264+aac", [*LEGACY, *FLV_WATCHED]), ("raw", "h264+aac", LEGACY)],
    [("rtmp2sink", "h264+aac", LEGACY), ("librtmp", "h264+aac", LEGACY), ("ffmpeg-loop", "h264+aac", ["hls-times"])],
    [("obs", "h264+aac", ["raw", "rtmpdump", "rtmp2src", "ffplay", "record"])],
    [("ffmpeg9-rolls24", "h264+aac", ["raw", "ffmpeg9", "rtmpdump", "record", "hls-ffmpeg"]),
     ("ffmpeg9-rolls31", "h264+aac", ["raw", "flv-curl", "record", "hls-ffmpeg"]),
     ("raw-rolls32", "h264+aac", ["raw", "record", "hls-ffmpeg"])],
    [("ffmpeg9", "h264+mp3", ["hls-ffmpeg"]), ("ffmpeg", "aac", ["hls-ffmpeg"]), ("ffmpeg", "h264", ["hls-ffmpeg"]),
     ("ffmpeg-locked", "h264+aac", ["hls-ffmpeg"]), ("raw-data", "h264+aac", ["raw", "ffmpeg9", "record"]),
     ("raw-everything", "hevc+aac", ["raw", "flv-curl", "record"])],
    [("ffmpeg-ts", "h264+aac", ["raw", "ffmpeg9", "ffplay", "record", "hls-ffmpeg"]),
     ("ffmpeg9", "hevc-open+aac", [*ENHANCED, "hls-ffmpeg"]),
     ("ffmpeg-named", "h264+aac", ["raw", "ffmpeg9", "rtmpdump", "vlc", "flv-curl", "record", "hls-ffmpeg"])],
    [("ffmpeg-tls", "h264+aac", [*LEGACY, *FLV, "mpv", "vlc", "hls-ffmpeg"]), ("ffmpeg9-tls", "hevc+aac", [*ENHANCED, "hls-ffmpeg"]),
     ("rtmp2sink-tls", "h264+aac", OVER_TLS), ("librtmp-tls", "h264+aac", OVER_TLS), ("ffmpeg-stunnel", "h264+aac", OVER_TLS)],
    [("obs-tls", "h264+aac", ["raw", "rtmpdump", "rtmp2src", "record"])],
]
BROWSED = ("ffmpeg-long", "h264+aac")
BROWSED_TLS = ("ffmpeg-long-tls", "h264+aac")  # by https
BROWSED_AV1 = ("ffmpeg9-long", "av1+aac")  # there is no picture in HLS, but in FLV
SHAPED = "shape"  # in place of the publisher, for what cameras send that is unusual
MOCKED = "mock"  # in place of the publisher, for what only a server that plays it can show
SLOW = "slow"  # the same, for pictures that come seldom
STOPPED = ("ffmpeg-stopped", "h264+aac")
WATCHED_LONG = ("ffmpeg-killed", "h264+aac")


class Case(NamedTuple):
    """A client of one publisher's broadcast."""
    publisher: str
    clip: str
    client: Any
    joins_late: bool
    word: str  # the client's

    @property
    def name(self):
        return f"{self.publisher}/{self.clip}/{self.word}{'-late' if self.joins_late else ''}"


def table():
    """All cases."""
    cases = []
    for publisher, clip, words in (broadcast for group in GROUPS for broadcast in group):
        for word in words:
            client = CLIENTS[word]
            cases.append(Case(publisher, clip, client, word in JOIN_LATE, word))
            if client.plays:
                cases.append(Case(publisher, clip, client, True, word))
    cases += [Case(*BROWSED, client, True, f"chromium-{word}") for word, client in browsers.BROWSERS.items()]
    cases += [Case(*BROWSED_TLS, browsers.BROWSERS[word], True, f"chromium-{word}") for word in ("hls-js", "console")]
    cases += [Case(*browsed, flv_pages.alone(scheme), True, "chromium-mpegts-js")
              for browsed, scheme in ((BROWSED, "http"), (BROWSED_TLS, "ws"))]
    cases.append(Case(*BROWSED_AV1, browsers.BROWSERS["console"], True, "chromium-console"))
    cases += [Case(MOCKED, clip, browsers, False, "chromium-console") for clip in browsers.WALKS]
    cases += [Case(SHAPED, clip, shaped, False, f"chromium-{word}") for clip in shaped.CLIPS for word in shaped.PLAYERS]
    cases += [Case(SLOW, clip, slow, False, f"chromium-{word}") for clip, word in slow.CASES]
    cases += [Case(flv_pages.NAME, clip, flv_pages, False, word) for clip, word in flv_pages.CASES]
    cases += [Case(played_files.NAME, file, played_files.CLIENTS[word], False, word) for file, word in played_files.CASES]
    cases += [Case(refused.NAME, reason, refused, False, word) for reason, word in refused.CASES]
    cases += [Case(*STOPPED, stopped, False, f"chromium-{word}") for word in stopped.PLAYERS]
    return cases + [Case(*WATCHED_LONG, client, False, f"long-{word}") for word, client in long_watch.PLAYERS.items()]
