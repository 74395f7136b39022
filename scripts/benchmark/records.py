"""The results: kept as JSON, and written into docs/performance.md."""

import json
import re
import time

from . import machine, picture, table
from .programs import ROOT, TARGET

FOLDER = TARGET / "bench"
PAGE = ROOT / "docs" / "performance.md"


def keep(name, rounds):
    """Keeps the rounds of a load."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    record = {"load": name, "machine": machine.describe(), "date": time.strftime("%Y-%m-%d"), "rounds": rounds}
    (FOLDER / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n")


def kept(loads):
    """(load, rounds) of all measured loads, by name."""
    files = {name: FOLDER / f"{name}.json" for name in loads}
    return {
        name: (loads[name], json.loads(path.read_text())["rounds"]) for name, path in files.items() if path.exists()}


def document(loads):
    """Writes the tables between the marks of the page, and the charts. A table without kept results stays as it is."""
    results = kept(loads)
    text = PAGE.read_text()
    usual = {name: result for name, result in results.items() if not result[0].is_hostile}
    worst = {name: result for name, result in results.items() if result[0].is_hostile}
    tables = {"goals": table.goals(usual), "figures": table.figures(usual)} if usual else {}
    for mark, lines in (tables | ({"worst": table.worst(worst)} if worst else {})).items():
        pattern = rf"(<!-- {mark}: .*? -->\n).*?(<!-- end of {mark} -->)"
        text, count = re.subn(pattern, lambda found: found[1] + "\n".join(lines) + "\n" + found[2], text, flags=re.S)
        if count != 1:
            raise SystemExit(f"bench: {PAGE} has no place for {mark}")
    PAGE.write_text(text)
    if usual:
        picture.draw(usual, PAGE.parent)
