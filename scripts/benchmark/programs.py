"""The programs: built here, or installed on the machine."""

import json
import os
import pathlib
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
BENCHES = ("load", "attack", "handshakes", "floor", "work")
TARGET = ROOT / os.environ.get("CARGO_TARGET_DIR", "target")


class Failure(Exception):
    """The reason why a load could not be measured."""


class Unknown(Failure):
    """A server does not know a directive."""


def build(profile):
    """Builds the server and its benchmarks; returns their paths by name."""
    targets = ["--bin", "millstream", *(word for name in BENCHES for word in ("--bench", name))]
    command = ["cargo", "build", "--profile", profile, "--quiet", *targets, "--message-format=json-render-diagnostics"]
    built = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    messages = (json.loads(line) for line in built.stdout.splitlines())
    return {
        message["target"]["name"]: pathlib.Path(message["executable"])
        for message in messages
        if message["reason"] == "compiler-artifact" and message["executable"]
    }


def need(name):
    """The path of a program that is installed on the machine."""
    if found := shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"):
        return found
    raise Failure(f"{name} is missing; scripts/install-peers installs it")
