"""Five tools that ask for statistics each second, each with a new connection for every request: a program of its own, so
that it has another processor core than the server. For each line that it reads, all of them ask once, spread over a
second; then it prints how long each answer took and how long it is."""

import argparse
import http.client
import json
import sys
import time

PATIENCE = 10  # seconds
TOOLS = (
    "/stat",  # a switcher of scenes
    "/metrics",  # Prometheus
    "/views/api/v1/streams",  # a tool made for SRS
    "/stat",  # an exporter, more than half a second after the switcher: an answer is kept so long for others
    "/millstream/streams",  # a script
)


def ask(address, path):
    """The seconds and bytes of an answer."""
    asked = time.monotonic()
    connection = http.client.HTTPConnection(address, timeout=PATIENCE)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    if answer.status != 200:
        raise OSError(f"{path}: {answer.status}")
    return time.monotonic() - asked, len(body)


def second(address):
    """The answers of a second."""
    begun, answers = time.monotonic(), []
    for index, path in enumerate(TOOLS):
        time.sleep(max(0, begun + index / len(TOOLS) - time.monotonic()))
        answers.append(ask(address, path))
    time.sleep(max(0, begun + 1 - time.monotonic()))
    return answers


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address", help="HOST:PORT")
    arguments = parser.parse_args()
    for _ in sys.stdin:
        print(json.dumps(second(arguments.address)), flush=True)


if __name__ == "__main__":
    main()
