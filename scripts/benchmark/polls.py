"""Tools that ask for statistics each second, each with a connection of its own for every request: a program of its own,
so that it has another processor core than the server. It prints the answers, their bytes and the slowest one."""

import argparse
import http.client
import json
import threading
import time

PATIENCE = 10  # seconds


def poll(address, path, seconds, offset, answers):
    """Asks once a second, and keeps how long each answer took and how long it is."""
    begun = time.monotonic()
    for second in range(max(1, round(seconds))):
        time.sleep(max(0, begun + second + offset - time.monotonic()))
        asked = time.monotonic()
        connection = http.client.HTTPConnection(address, timeout=PATIENCE)
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        if answer.status != 200:
            raise OSError(f"{path}: {answer.status}")
        answers.append((time.monotonic() - asked, len(body)))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address", help="HOST:PORT")
    parser.add_argument("path")
    parser.add_argument("--tools", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6)
    arguments = parser.parse_args()
    answers = []
    # Tools do not ask at the same moment: at most two of five share an answer that is kept for half a second.
    tools = [
        threading.Thread(
            target=poll, args=(arguments.address, arguments.path, arguments.seconds, index / arguments.tools, answers))
        for index in range(arguments.tools)]
    for tool in tools:
        tool.start()
    for tool in tools:
        tool.join()
    expected = arguments.tools * max(1, round(arguments.seconds))
    if len(answers) != expected:
        raise SystemExit(f"{len(answers)} of {expected} answers")
    times, sizes = zip(*answers)
    print(json.dumps({"answers": len(answers), "bytes": max(sizes), "slowest": max(times)}))


if __name__ == "__main__":
    main()
