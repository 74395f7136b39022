"""Chromium as a client: the scripts in tests/browser, each a case of its own."""

import os
import pathlib

from .lab import Failure, wait

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "tests" / "browser"
PATIENCE = 90


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


def walk_states(lab):
    """The console in all its states, before a server that plays them."""
    return lab.run("chromium.console-states", ["node", SCRIPTS / "console-states.mjs"], environment(lab, "rtmp"))


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
