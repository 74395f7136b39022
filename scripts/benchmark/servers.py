"""The measured servers: Millstream, nginx with its RTMP module, and the floor. Each runs alone, on its own core."""

import contextlib
import dataclasses
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from . import certificates, machine
from .process import NGINX_MODULE
from .programs import Failure, Unknown, need

PATIENCE = 10  # seconds in which a server must listen, and in which it must end

MILLSTREAM = """
error_log {folder}/error.log warn;
pid off;
rtmp {{
    server {{
        listen 127.0.0.1:{rtmp};
        {rtmp_tls}
        application live {{
            live on;
            {directives}
        }}
        {applications}
    }}
}}
http {{
    server {{
        listen 127.0.0.1:{http};
        {http_tls}
        location / {{ root {folder}/www; }}
        {locations}
    }}
}}
"""

NGINX = """
load_module {module};
{user}
daemon off;
worker_processes 1;
worker_rlimit_nofile {files};
pid {folder}/nginx.pid;
error_log {folder}/error.log error;
events {{ worker_connections {connections}; }}
rtmp {{
    access_log off;
    server {{
        listen 127.0.0.1:{rtmp};
        chunk_size 4096;
        application live {{
            live on;
            {directives}
        }}
        {applications}
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
        {http_tls}
        location / {{ root {folder}/www; }}
    }}
}}
"""

PROTOCOLS = "ssl_protocols TLSv1.2 TLSv1.3;"  # nginx before 1.23.4 has no 1.3 unless told


@dataclasses.dataclass(frozen=True)
class Extras:
    """Additions to the configuration of Millstream, beside the application that every load uses."""

    applications: str = ""
    locations: str = ""
    wrapper: tuple = ()  # a command in front of the server's
    certificate: certificates.Certificate | None = None  # with one, it listens for TLS, too; so does nginx, for HTTPS


class Server:
    """A running server."""

    def __init__(self, process, folder, rtmp, http=None, https=None, rtmps=None):
        self.process, self.folder = process, folder
        self.rtmp, self.http = f"127.0.0.1:{rtmp}", f"127.0.0.1:{http}"
        self.https, self.rtmps = f"127.0.0.1:{https}", f"127.0.0.1:{rtmps}"

    def pids(self):
        """All its processes, the master first."""
        return [str(self.process.pid), *machine.children(self.process.pid)]


class Texts(dict):
    """The fields of a configuration; what has no text is left out."""

    def __missing__(self, _):
        return ""


class Servers:
    """Starts servers by name. Peers are others: their ports for RTMP and HTTP, and their command, by name. A context manager
    that ends the nginx of each configuration, where those are shared by all loads."""

    def __init__(self, programs, place, files, peers, shares_nginx):
        self.programs, self.place, self.files, self.peers = programs, place, files, peers
        self.shares_nginx, self.shared, self.stack = shares_nginx, {}, contextlib.ExitStack()
        self.certificates = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stack.close()

    def start(self, name, directives="", connections=None, extras=None):
        """A server with directives of its application; what is in www/ of its folder it serves over HTTP. nginx
        takes memory for all connections that it may have, which are as many as files, or fewer."""
        if name != "nginx" or not self.shares_nginx:
            return self.start_new(name, directives, connections, extras or Extras())
        key = directives, extras
        if key not in self.shared:
            self.shared[key] = self.stack.enter_context(self.start_new(name, directives, None, extras or Extras()))
        return contextlib.nullcontext(self.shared[key])

    @contextlib.contextmanager
    def start_new(self, name, directives, connections, extras):
        with self.folder() as folder, self.run(name, folder, directives, connections, extras) as server:
            yield server

    def has_http(self, name):
        """Whether it is known where a peer listens for HTTP."""
        return name in self.peers and len(self.peers[name][0]) > 1

    def certificate(self, key):
        """A certificate by the kind of its key: made once, for all loads."""
        if not self.certificates:
            self.certificates = certificates.make(self.stack.enter_context(self.folder()))
        return self.certificates[key]

    @contextlib.contextmanager
    def folder(self, parent=None):
        """A new folder for a server."""
        folder = pathlib.Path(tempfile.mkdtemp(prefix="millstream-bench-", dir=parent))
        folder.chmod(0o755)
        (folder / "www").mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @contextlib.contextmanager
    def run(self, name, folder, directives="", connections=None, extras=Extras()):
        """Runs a server in its folder."""
        texts = {"directives": directives, "applications": extras.applications, "locations": extras.locations}
        texts = {key: text.format(folder=folder) for key, text in texts.items()}
        command, ports = self.prepare(name, folder, texts, connections or self.files, extras.certificate)
        with self.running([*extras.wrapper, *command], folder) as process:
            wait_for(process, ports, folder)
            yield Server(process, folder, *ports)

    @contextlib.contextmanager
    def floor(self, players, video, merge, files=None):
        """Runs the floor: for so many players, with frames of a video bit rate, and a number of frames per send; or with the
        files of a folder."""
        command = [self.programs["floor"], "--players", players, "--video", video, "--merge", merge]
        command += ["--files", files] if files else []
        with self.running(list(map(str, command)), None) as process:
            port = process.stdout.readline().decode().rsplit(":", 1)[-1]
            yield Server(process, None, int(port))

    def prepare(self, name, folder, texts, connections, certificate):
        """Returns its command, and the ports that it will listen on."""
        if name in self.peers:
            ports, command = self.peers[name]
            return command, ports
        ports = free_ports((4 if name == "millstream" else 3) if certificate else 2)
        texts |= {
            field: f"listen 127.0.0.1:{port} ssl; {PROTOCOLS} {certificate.directives()}"
            for field, port in zip(("http_tls", "rtmp_tls"), ports[2:])}
        path = folder / "server.conf"
        path.write_text((MILLSTREAM if name == "millstream" else NGINX).format_map(Texts(
            folder=folder, rtmp=ports[0], http=ports[1], files=self.files, connections=connections,
            module=NGINX_MODULE, user="user root;" if os.geteuid() == 0 else "", **texts)))
        if name == "millstream":
            return [str(self.programs[name]), "-c", str(path)], ports
        return [need("nginx"), "-p", str(folder), "-c", str(path)], ports

    @contextlib.contextmanager
    def running(self, command, folder):
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=(folder / "stderr").open("wb") if folder else None,
            preexec_fn=self.place.take)
        try:
            yield process
        finally:
            end(process)
            process.stdout.close()


def end(process):
    """Ends a server and the program around it (strace), which have their own process group."""
    for number, patience in ((signal.SIGTERM, PATIENCE), (signal.SIGKILL, None)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
            return


def wait_for(process, ports, folder):
    deadline = time.monotonic() + PATIENCE
    while not all(map(listens, ports)):
        if process.poll() is not None or time.monotonic() > deadline:
            words = last_words(folder)
            raise Unknown(words) if "unknown directive" in words else Failure(f"the server does not start: {words}")
        time.sleep(0.02)


def last_words(folder):
    logs = [folder / "stderr", folder / "error.log"]
    return "\n".join(log.read_text(errors="replace") for log in logs if log.exists()).strip() or "it says nothing"


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def free_ports(count):
    """Ports that are free now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
