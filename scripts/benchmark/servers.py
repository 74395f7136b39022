"""The servers measured: Millstream, nginx with its RTMP module, and the floor. Each runs alone, on its own processor."""

import contextlib
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time

from . import machine
from .programs import Failure, need

PATIENCE = 10  # seconds in which a server must listen, and in which it must end

MILLSTREAM = """
error_log {folder}/error.log warn;
pid off;
rtmp {{
    server {{
        listen 127.0.0.1:{rtmp};
        application live {{
            live on;
            {directives}
        }}
    }}
}}
http {{
    server {{
        listen 127.0.0.1:{http};
        location / {{ root {folder}/www; }}
    }}
}}
"""

NGINX = """
load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;
{user}
daemon off;
worker_processes 1;
worker_rlimit_nofile {files};
pid {folder}/nginx.pid;
error_log {folder}/error.log error;
events {{ worker_connections {files}; }}
rtmp {{
    access_log off;
    server {{
        listen 127.0.0.1:{rtmp};
        chunk_size 4096;
        application live {{
            live on;
            {directives}
        }}
    }}
}}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000000;
    include /etc/nginx/mime.types;
    server {{
        listen 127.0.0.1:{http};
        location / {{ root {folder}/www; }}
    }}
}}
"""


class Server:
    """A running server."""

    def __init__(self, process, folder, rtmp, http=None):
        self.process, self.folder = process, folder
        self.rtmp, self.http = f"127.0.0.1:{rtmp}", f"127.0.0.1:{http}"

    def pids(self):
        """All its processes, the master's first."""
        return [str(self.process.pid), *machine.children(self.process.pid)]


class Servers:
    """Starts servers by name."""

    def __init__(self, programs, place, files):
        self.programs, self.place, self.files = programs, place, files

    @contextlib.contextmanager
    def start(self, name, directives="", files=None):
        """A server with directives of its application, and files {name: bytes} to be served at http://server/."""
        folder = pathlib.Path(tempfile.mkdtemp(prefix="millstream-bench-"))
        folder.chmod(0o755)
        (folder / "www").mkdir()
        for path, contents in (files or {}).items():
            (folder / "www" / path).write_bytes(contents)
        try:
            command, rtmp, http = getattr(self, f"prepare_{name}")(folder, directives.format(folder=folder))
            with self.running(command, folder) as process:
                wait_for(process, [rtmp, http], folder)
                yield Server(process, folder, rtmp, http)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @contextlib.contextmanager
    def floor(self, players, video, merge):
        """The floor for so many players: frames of a video of so many bits a second, so many in a send."""
        command = [self.programs["floor"], "--players", players, "--video", video, "--merge", merge]
        with self.running(list(map(str, command)), None) as process:
            port = process.stdout.readline().decode().rsplit(":", 1)[-1]
            yield Server(process, None, int(port))

    def prepare_millstream(self, folder, directives):
        return self.prepare(folder, MILLSTREAM, directives, lambda path: [str(self.programs["millstream"]), "-c", path])

    def prepare_nginx(self, folder, directives):
        program = need("nginx")
        return self.prepare(folder, NGINX, directives, lambda path: [program, "-p", str(folder), "-c", path])

    def prepare(self, folder, template, directives, command):
        rtmp, http = free_ports(2)
        user = "user root;" if os.geteuid() == 0 else ""
        text = template.format(
            folder=folder, rtmp=rtmp, http=http, directives=directives, user=user, files=self.files)
        path = folder / "server.conf"
        path.write_text(text)
        return command(str(path)), rtmp, http

    @contextlib.contextmanager
    def running(self, command, folder):
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=(folder / "stderr").open("wb") if folder else None,
            preexec_fn=self.place.take)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()


def wait_for(process, ports, folder):
    deadline = time.monotonic() + PATIENCE
    while not all(map(listens, ports)):
        if process.poll() is not None or time.monotonic() > deadline:
            raise Failure(f"the server does not start: {last_words(folder)}")
        time.sleep(0.02)


def last_words(folder):
    texts = [path.read_text(errors="replace") for path in (folder / "stderr", folder / "error.log") if path.exists()]
    lines = [line for text in texts for line in text.splitlines()]
    unknown = next((line for line in lines if re.search("unknown directive", line)), None)
    return unknown or (lines[-1] if lines else "it says nothing")


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def free_ports(count):
    """Ports that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
