"""Chromium as a client: the scripts in tests/browser, each a case of its own."""

import os
import pathlib

from .lab import Failure, wait

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "tests" / "browser"
PATIENCE = 90


def browser(script):
    """A case that runs this script on a stream."""
    return lambda lab, stream: finish(start(lab, script, stream))


def start(lab, script, stream, *arguments):
    """Runs a script on a stream, with the server's HTTP address, the stream's name, how long it is to watch, and options."""
    if not (SCRIPTS / "node_modules").is_dir():
        raise Failure("tests/browser/node_modules is missing: run scripts/install-peers")
    # Chromium's own player gives up on a live playlist of fewer fragments.
    wait(20, "three fragments", lambda: (lab.get(f"hls/{stream}.m3u8") or b"").count(b"#EXTINF") >= 3)
    command = ["node", SCRIPTS / f"{script}.mjs", lab.http(), stream, *arguments]
    return lab.run(f"chromium.{script}.{stream}", command, environment())


def finish(process):
    process.expect_success(PATIENCE)
    return process.last_words()


def environment():
    """The folder for screenshots is relative to where scripts/interop is run."""
    folder = os.environ.get("SCREENSHOT")
    return {"SCREENSHOT": str(pathlib.Path(folder).resolve())} if folder else None


BROWSERS = {name: browser(name) for name in ("hls-js", "video", "page")}
