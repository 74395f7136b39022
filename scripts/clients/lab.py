"""The place where everything runs: a temporary folder, the server in it, and processes with deadlines."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

from .certificates import Authority

ROOT = pathlib.Path(__file__).resolve().parents[2]
FFMPEG9 = ROOT / "tests" / "peers" / "ffmpeg9"  # scripts/install-peers puts it there

CONFIGURATION = """
error_log {folder}/server.log debug;
pid off;
rtmp {{
    server {{
        listen 127.0.0.1:{ports[rtmp]} reuseport;
        listen 127.0.0.1:{ports[rtmps]} ssl reuseport;
        ssl_certificate {authority.certificate};
        ssl_certificate_key {authority.key};
        application live {{
            live on;
            record all;
            record_path {folder}/recorded;
            hls on;
            hls_path {folder}/hls;
            hls_endlist 0;
            hls_fragment 1s;
            hls_playlist_length 60s;
        }}
        application locked {{
            live on;
            hls on;
            hls_path {folder}/locked;
            hls_endlist 0;
            hls_fragment 1s;
            hls_playlist_length 60s;
            hls_keys on;
            hls_fragments_per_key 2;
        }}
        application slow {{
            live on;
            hls on;
            hls_path {folder}/hls;
        }}
        application unused {{ }}
        application keyed {{
            live on;
            publish_key not-to-be-guessed;
        }}
        application ruled {{
            live on;
            deny publish all;
        }}
        application vod {{ play {folder}/vod; }}
        application archive {{
            live on;
            record all;
            record_path {folder}/archive;
        }}
        application tv {{
            live on;
            publish_grace 10s;
            hls on;
            hls_path {folder}/hls;
            hls_fragment 3s;
            hls_playlist_length 18s;
        }}
    }}
}}
http {{
    server {{
        listen 127.0.0.1:{ports[http]} reuseport;
        listen 127.0.0.1:{ports[https]} ssl reuseport;
        ssl_certificate {authority.certificate};
        ssl_certificate_key {authority.key};
        location / {{ page on; flv_live on; }}
        location /raw {{ flv_live on; flv_compat raw; }}
        location /recordings/ {{ page on; record_browse on; }}
        location /hls {{ alias {folder}/hls; }}
        location /locked {{ alias {folder}/locked; }}
    }}
}}
"""


# Where the server answers, by the first word of a URL. A certificate is for a name.
HOSTS = {"rtmp": "127.0.0.1", "http": "127.0.0.1", "rtmps": "localhost", "https": "localhost"}


class Failure(Exception):
    """Why a case fails, in words for its line of the report."""


def address(url):
    """Host, port, application and stream of a URL."""
    host, path = url.split("://", 1)[1].split("/", 1)
    return [*host.split(":"), *path.split("/")]


def escape(stream):
    """A stream's name in a URL."""
    return urllib.parse.quote(stream, safe="~!()+,=@")


class Lab:
    """A folder and a server; a context manager that ends whatever was started in it."""

    def __init__(self, binary):
        self.binary = binary
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="millstream-interop-"))
        self.folder.chmod(0o711)  # for clients that do not run as root
        self.authority = Authority(self.folder / "certificates")
        self.ports = dict(zip(HOSTS, free_ports(len(HOSTS))))
        self.processes = []
        self.failed = False

    def __enter__(self):
        try:
            self.start_server()
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def __exit__(self, kind, *_):
        for process in reversed(self.processes):
            process.kill()
        if self.failed or kind or os.environ.get("KEEP"):
            print(f"interop: logs and files are kept in {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def start_server(self):
        text = CONFIGURATION.format(folder=self.folder, ports=self.ports, authority=self.authority)
        path = self.folder / "millstream.conf"
        path.write_text(text)
        self.server = self.run("server", [str(self.binary), "-c", str(path)])
        wait(10, "the server to listen", lambda: self.server.ended() or self.is_listening())
        if self.server.ended():
            raise Failure(f"the server does not start: {self.server.last_words()}")

    def restart_server(self):
        """In such a way that somebody listens all the time."""
        first = self.server
        self.start_server()
        wait(10, "the second server to listen", lambda: "listening for HTTP on" in self.server_log())
        first.interrupt(signal.SIGTERM)
        if first.wait(10) != 0:
            raise Failure(f"the first server ends with {first.wait(0)}: {first.last_words()}")

    def is_listening(self):
        try:
            for scheme, port in self.ports.items():
                socket.create_connection((HOSTS[scheme], port), 1).close()
            return True
        except OSError:
            return False

    def stop_server(self):
        """Stops the server as a service manager would; it must end by itself, without a fault."""
        if self.server.ended():
            raise Failure(f"the server has ended before it was told to: {self.server.last_words()}")
        self.server.interrupt(signal.SIGTERM)
        if self.server.wait(10) != 0:
            raise Failure(f"the server ends with {self.server.wait(0)}: {self.server.last_words()}")
        if "panicked" in self.server_log() + self.server.output():
            raise Failure("the server's log speaks of a panic")
        return "it ended by itself at SIGTERM"

    def server_log(self):
        return (self.folder / "server.log").read_text()

    def url(self, name, application="live", scheme="rtmp"):
        return f"{self.base(scheme)}{application}/{name}"

    def http(self, path="", scheme="http"):
        return f"{self.base(scheme)}{path}"

    def base(self, scheme):
        return f"{scheme}://{HOSTS[scheme]}:{self.ports[scheme]}/"

    def get(self, path, scheme="http"):
        """The body of a document, or None if there is none."""
        trust = self.authority.context() if scheme == "https" else None
        try:
            with urllib.request.urlopen(self.http(path, scheme), timeout=5, context=trust) as response:
                return response.read()
        except urllib.error.HTTPError:
            return None

    def run(self, name, arguments, environment=None):
        """Starts a process; its output goes to NAME.log."""
        process = Process(name, arguments, self.folder, environment)
        self.processes.append(process)
        return process


class Process:
    """A client at work."""

    def __init__(self, name, arguments, folder, environment):
        self.name = name
        self.log = folder / f"{name}.log"
        with self.log.open("wb") as log:
            log.write((" ".join(map(str, arguments)) + "\n").encode())
            log.flush()
            self.popen = subprocess.Popen(
                [str(argument) for argument in arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=os.environ | (environment or {}),
                cwd=folder,
                start_new_session=True,
            )

    def ended(self):
        return self.popen.poll() is not None

    def ends_within(self, seconds):
        """Whether it ends by itself in time."""
        try:
            self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def wait(self, seconds):
        """The exit code; negative is a signal's number. It must end in time."""
        if not self.ends_within(seconds):
            self.kill()
            raise Failure(f"{self.name} has not ended within {seconds} s: {self.last_words()}")
        return self.popen.returncode

    def expect_success(self, seconds):
        code = self.wait(seconds)
        if code != 0:
            raise Failure(f"{self.name} ends with {code}: {self.last_words()}")

    def interrupt(self, number=signal.SIGINT):
        if not self.ended():
            self.popen.send_signal(number)

    def interrupt_until_ended(self, seconds):
        """ffmpeg, while it waits for the network, heeds the second SIGINT only."""
        deadline = time.monotonic() + seconds
        while not self.ended() and time.monotonic() < deadline:
            self.interrupt()
            self.ends_within(0.5)
        return self.wait(0)

    def kill(self):
        """Ends it and what it started."""
        if not self.ended():
            os.killpg(self.popen.pid, signal.SIGKILL)
            self.popen.wait()

    def output(self):
        return self.log.read_text(errors="replace")

    def last_words(self):
        lines = [line for line in self.output().replace("\r", "\n").splitlines()[1:] if line.strip()]
        return " / ".join(lines[-3:])[-400:] or "(it said nothing)"


def run_to_end(arguments, folder, seconds=60):
    """Runs a tool of ours (not a client under test) and returns what it printed."""
    process = subprocess.run(
        [str(argument) for argument in arguments],
        stdin=subprocess.DEVNULL, capture_output=True, cwd=folder, timeout=seconds, text=True, check=False,
    )
    if process.returncode != 0:
        raise Failure(f"{' '.join(map(str, arguments))}: {process.stderr.strip()[-400:]}")
    return process.stdout


def wait(seconds, what, condition, step=0.05):
    """Waits until the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Failure(f"waited {seconds} s for {what}")
        time.sleep(step)


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
