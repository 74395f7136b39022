"""The server of PythonBackend: server.py VERSION [CERTIFICATE KEY [AUTHORITY]].

It answers a path /STATUS with that status, and /STATUS/TEXT with TEXT as the header Location too; /long with a body of
60000 bytes; /until-close and /cut-off with a body that ends with the connection, which over TLS is announced
(close_notify) or not. Its folder gets the port in a file, and each request as a line of JSON in another. It ends when its standard input does.
"""

import http.server
import json
import os
import ssl
import sys
import threading
import time

lock = threading.Lock()
log = open("requests", "a", encoding="ascii", buffering=1)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = sys.argv[1]
    timeout = 60

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = {
            "method": self.command,
            "target": self.path,
            "version": self.request_version,
            "headers": self.headers.items(),
            "body": body.decode("latin-1"),
            "port": self.client_address[1],
            "time": time.time(),
        }
        with lock:
            log.write(json.dumps(request) + "\n")
        words = self.path.split("?")[0].split("/", 2)
        if words[1] in ("until-close", "cut-off"):
            return self.answer_until_close(words[1] == "until-close")
        self.send_response(int(words[1]) if words[1].isdigit() else 200)
        if len(words) > 2:
            self.send_header("Location", words[2])
        text = {"204": b"", "long": b"x" * 60000}.get(words[1], b"{}\n")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST

    def answer_until_close(self, is_announced):
        self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n{}\n")
        self.close_connection = True
        if is_announced:
            try:
                self.connection = self.connection.unwrap()
            except OSError:
                pass  # The client has not said the same.

    def log_message(self, *arguments):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def end_with_the_test():
    sys.stdin.read()
    os._exit(0)


server = Server(("127.0.0.1", 0), Handler)
if len(sys.argv) > 2:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    if len(sys.argv) > 4:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(sys.argv[4])
    # The handshake is left to the thread of the connection.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
with open("port.new", "w") as file:
    file.write(str(server.server_address[1]))
os.rename("port.new", "port")
threading.Thread(target=end_with_the_test, daemon=True).start()
server.serve_forever()
