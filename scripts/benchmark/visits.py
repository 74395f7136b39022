"""Publishers that come and go, and the backend that their server asks about them: a program of its own, so that it has
the load's processor core. It prints the port of the backend, reads the server's address and runs."""

import argparse
import concurrent.futures
import json
import pathlib
import socket
import socketserver
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from benchmark import rtmp

HANDS = 32  # publishers at a time: nginx's answers may wait for an acknowledgement, 40 ms each time
FRAMES = 5
FILLING = b"\x5a"  # no zeros, which a server that looks for start codes must look at one by one
PATIENCE = 20  # seconds until the last call has come
SETTLES = 0.3  # seconds in which a server ends the last sessions


class Backend(socketserver.ThreadingTCPServer):
    """Says yes to everything, and counts the calls by their kind."""

    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, keeps):
        super().__init__(("127.0.0.1", 0), Handler)
        self.keeps, self.calls, self.connections, self.lock = keeps, {}, 0, threading.Lock()

    def count(self, body):
        call = dict(field.partition("=")[::2] for field in body.decode().split("&")).get("call")
        with self.lock:
            self.calls[call] = self.calls.get(call, 0) + 1


class Handler(socketserver.StreamRequestHandler):
    """A connection, for as many requests as the client and the backend want."""

    disable_nagle_algorithm = True

    def handle(self):
        with self.server.lock:
            self.server.connections += 1
        while self.answer():
            pass

    def answer(self):
        """Answers a request; whether the connection stays."""
        head = b""
        while line := self.rfile.readline():
            head += line
            if line == b"\r\n":
                break
        else:
            return False
        fields = dict(line.lower().partition(b":")[::2] for line in head.split(b"\r\n")[1:])
        body = self.rfile.read(int(fields.get(b"content-length", 0)))
        closes = b"close" in fields.get(b"connection", b"") or b"HTTP/1.0\r\n" in head or not self.server.keeps
        self.server.count(body)
        end = b"Connection: close\r\n" if closes else b""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + end + b"\r\n")
        return not closes


def visit(address, name, pictures):
    """Publishes some frames and leaves, as encoders do."""
    with socket.create_connection(address, PATIENCE) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        rtmp.publish(client, "live", name, pictures)
        client.sendall(rtmp.command(0, "FCUnpublish", 3.0, None, name) + rtmp.command(0, "deleteStream", 4.0, None, 1.0))


def run(address, arguments, backend):
    """Runs all publishers, each when it is due, and waits for the last call."""
    pictures = [rtmp.picture(1000 if index else 4000, not index, filling=FILLING) for index in range(FRAMES)]
    begun = time.monotonic()

    def one(number):
        time.sleep(max(0, begun + number / arguments.rate - time.monotonic()))
        visit(address, f"cam{number}", pictures)

    with concurrent.futures.ThreadPoolExecutor(HANDS) as hands:
        list(hands.map(one, range(arguments.count)))
    seconds, end = time.monotonic() - begun, time.monotonic() + PATIENCE
    while arguments.called and backend.calls.get("publish_done", 0) < arguments.count and time.monotonic() < end:
        time.sleep(0.02)
    time.sleep(SETTLES)
    return {"seconds": seconds, "calls": backend.calls, "connections": backend.connections, "own_time": time.process_time()}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="number of publishers (1000)")
    parser.add_argument("--rate", type=float, default=100, help="publishers per second (100)")
    parser.add_argument("--called", action="store_true", help="waits for the calls of all publishers")
    parser.add_argument("--closes", action="store_true", help="the backend closes each connection after its answer")
    arguments = parser.parse_args()
    with Backend(not arguments.closes) as backend:
        threading.Thread(target=backend.serve_forever, daemon=True).start()
        print(backend.server_address[1], flush=True)
        host, _, port = sys.stdin.readline().strip().rpartition(":")
        print(json.dumps(run((host, int(port)), arguments, backend)), flush=True)
        backend.shutdown()


if __name__ == "__main__":
    main()
