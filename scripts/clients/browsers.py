"""Chromium as a client: the scripts in tests/browser, each a case of its own."""

import os
import pathlib

from .lab import Failure, run_to_end, wait

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "tests" / "browser"
PATIENCE = 90
RECORDED = 20  # seconds


def browser(script):
    """A case that runs this script on a stream."""
    return lambda lab, stream, scheme: finish(start(lab, script, stream, scheme=scheme))


def start(lab, script, stream, *arguments, scheme="rtmp"):
    """Runs a script on a stream, with the server's HTTP address, the stream's name, how long it is to watch, and options.
    What is published over TLS is watched over TLS.
    """
    if not (SCRIPTS / "node_modules").is_dir():
        raise Failure("tests/browser/node_modules is missing: run scripts/install-peers")
    # Chromium's own player gives up on a live playlist of fewer fragments.
    wait(20, "three fragments", lambda: (lab.get(f"hls/{stream}.m3u8") or b"").count(b"#EXTINF") >= 3)
    http = {"rtmp": "http", "rtmps": "https"}[scheme]
    command = ["node", SCRIPTS / f"{script}.mjs", lab.http(scheme=http), stream, *arguments]
    return lab.run(f"chromium.{script}.{stream}", command, environment(lab, scheme))


def walk(lab, case):
    """Begins with a case of the console that needs no publisher."""
    return WALKS[case](lab)


def walk_states(lab):
    """The console in all its states, before a server that plays them."""
    return lab.run("chromium.console-states", ["node", SCRIPTS / "console-states.mjs"], environment(lab, "rtmp"))


def play_recordings(lab):
    """The console lists recordings and plays them, in FLV and in MP4."""
    folder = lab.folder / "archive"
    folder.mkdir(exist_ok=True)
    for suffix in ("flv", "mp4"):
        picture = ["-f", "lavfi", "-i", "testsrc=size=320x180:rate=25", "-f", "lavfi", "-i", "sine", "-t", RECORDED]
        codecs = ["-c:v", "libx264", "-preset", "ultrafast", "-g", 50, "-bf", 2, "-pix_fmt", "yuv420p", "-c:a", "aac"]
        run_to_end(["ffmpeg", "-v", "error", *picture, *codecs, folder / f"cam.{suffix}"], folder)
    command = ["node", SCRIPTS / "recordings.mjs", lab.http("recordings/"), "archive/cam"]
    return lab.run("chromium.recordings", command, environment(lab, "rtmp"))


WALKS = {"states": walk_states, "recordings": play_recordings}


def finish(process):
    process.expect_success(PATIENCE)
    return process.last_words()


def environment(lab, scheme):
    """The folder for screenshots is relative to where scripts/interop is run."""
    own = {"HOME": str(lab.authority.browser_home())} if scheme == "rtmps" else {}
    if folder := os.environ.get("SCREENSHOT"):
        own["SCREENSHOT"] = str(pathlib.Path(folder).resolve())
    return own


BROWSERS = {name: browser(name) for name in ("hls-js", "video", "console")}
