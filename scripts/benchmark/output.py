"""The loads of files: writing HLS and recordings, and serving files over HTTP."""

import dataclasses
import pathlib
import re
import subprocess

from . import process
from .fanout import AUDIO
from .load import Figure, Load
from .programs import Failure, need

HLS = "hls on; hls_path {folder}/www; hls_fragment 2s;"
RECORD = "record all; record_path {folder}/www; record_unique off;"
WARM_UP = 2500  # milliseconds until the second fragment
CONNECTIONS = 50
FRAGMENT = bytes(500_000)
PLAYLIST = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-MEDIA-SEQUENCE:1\n#EXT-X-TARGETDURATION:2\n" + "".join(
    f"#EXTINF:2.000,\ncamera-{number}.ts\n" for number in range(1, 13))


@dataclasses.dataclass
class Output(Load):
    """Publishers whose streams are written to files: the cost in addition to ingest."""

    streams: int = 1
    directives: str = ""
    files: str = ""  # what is written, by the name of the stream up to a dash
    figures = (
        Figure("cpu", "CPU of one core in addition to ingest", "%"), Figure("ingest", "ingest alone", "%"),
        Figure("all", "together", "%"))

    def measure(self, lab, contender):
        plain, written = (self.ingest(lab, contender, directives) for directives in ("", self.directives))
        return {"cpu": written - plain, "ingest": plain, "all": written}

    def ingest(self, lab, contender, directives):
        streams = lab.scale(self.streams)
        with lab.servers.start(contender, directives) as server:
            report = lab.generator.drive(server, streams=streams, audio=AUDIO, warm_up=WARM_UP)
            made = {path.stem.rsplit("-", 1)[0] for path in (server.folder / "www").rglob(self.files)}
            if directives and len(made) < streams:
                raise Failure(f"{contender} has written files of {len(made)} of {streams} streams")
        return report["server_time"] / report["seconds"] * 100


@dataclasses.dataclass
class Files(Load):
    """A fragment and a playlist over HTTP, with wrk."""

    figures = (
        Figure("fragments", "500 kB requests per second"),
        Figure("playlists", "playlist requests per second"),
        Figure("fragment_cpu", "CPU time per 500 kB request", "us"),
        Figure("playlist_cpu", "CPU time per playlist request", "us"),
    )

    def measure(self, lab, contender):
        with self.serve(lab, contender) as server:
            (server.folder / "www" / "fragment.ts").write_bytes(FRAGMENT)
            (server.folder / "www" / "playlist.m3u8").write_text(PLAYLIST)
            fragments = self.fetch(lab, server, "fragment.ts")
            playlists = self.fetch(lab, server, "playlist.m3u8")
        return {
            "fragments": fragments[0], "fragment_cpu": fragments[1],
            "playlists": playlists[0], "playlist_cpu": playlists[1],
        }

    def serve(self, lab, contender):
        return lab.servers.start(contender)

    def address(self, server):
        return f"http://{server.http}"

    def fetch(self, lab, server, path):
        """Requests per second, and microseconds of server time per request."""
        seconds = max(1, round(lab.generator.seconds))
        command = [need("wrk"), "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", f"{self.address(server)}/{path}"]
        before = process.time(server.pids())
        result = subprocess.run(
            command, capture_output=True, text=True, timeout=seconds + 30, check=True,
            preexec_fn=lab.generator.place.take)
        spent = process.time(server.pids()) - before
        if bad := re.search(r"Non-2xx.*|Socket errors.*", result.stdout):
            raise Failure(f"{path}: {bad[0]}")
        requests = int(re.search(r"(\d+) requests in", result.stdout)[1])
        rate = float(re.search(r"Requests/sec:\s*([\d.]+)", result.stdout)[1])
        return rate, spent / requests * 1e6


@dataclasses.dataclass
class Binary(Load):
    """The sizes of the programs."""

    is_steady = True
    figures = (Figure("size", "size on disk, stripped", "MB"),)

    def measure(self, lab, contender):
        if contender == "millstream":
            files = [lab.programs["millstream"]]
        else:
            files = [pathlib.Path(need("nginx")).resolve(), process.NGINX_MODULE]
        return {"size": sum(path.stat().st_size for path in files) / 1e6}
