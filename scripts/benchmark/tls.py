"""The loads over TLS: RTMPS players and publishers beside plain ones, HTTPS files, and handshakes."""

import dataclasses
import json
import re
import subprocess

from .certificates import ECDSA, RSA
from .fanout import AUDIO, BURDEN, PROBES, generator
from .load import MILLSTREAM, NGINX, Figure, Goal, Load
from .output import Files
from .programs import Failure, need
from .servers import Extras

SUITES = {"TLS13_AES_128_GCM_SHA256": "aes-128-gcm", "TLS13_AES_256_GCM_SHA384": "aes-256-gcm"}
BLOCK = 8192  # bytes: about a frame of 2 Mbit/s, and so a record
REQUEST = "small.txt"  # what a client asks for after its handshake
FLIGHT = 8  # handshakes at a time


def encrypted(lab, key=ECDSA):
    """What makes a server listen for TLS, too."""
    return Extras(certificate=lab.servers.certificate(key))


def cipher_per_gb(lab, cipher):
    """The seconds that openssl needs to encrypt a GB, on the server's processor core."""
    seconds = max(1, round(lab.generator.seconds / 3))
    command = [need("openssl"), "speed", "-mr", "-seconds", str(seconds), "-bytes", str(BLOCK), "-evp", cipher]
    result = subprocess.run(command, capture_output=True, text=True, check=True, preexec_fn=lab.servers.place.take)
    found = re.search(r"^\+F:\d+:[^:]+:([\d.]+)", result.stdout, re.MULTILINE)
    if not found:
        raise Failure(f"{' '.join(command)}: {result.stdout[-400:]}")
    return 1e9 / float(found[1])


@dataclasses.dataclass
class EncryptedFanOut(Load):
    """The same fan-out to plain players, and to those of RTMPS with each suite."""

    contenders: tuple = (MILLSTREAM,)
    players: int = 1
    figures = (
        Figure("plain", "CPU time per GB sent, without TLS", "s"),
        Figure("aes_128", "CPU time per GB sent, AES-128-GCM", "s"),
        Figure("aes_256", "CPU time per GB sent, AES-256-GCM", "s"),
        Figure("openssl_128", "of that, AES-128-GCM by openssl speed", "s"),
        Figure("openssl_256", "of that, AES-256-GCM by openssl speed", "s"),
        Figure("ratio_128", "AES-128-GCM less openssl speed, relative to plain"),
        Figure("ratio_256", "AES-256-GCM less openssl speed, relative to plain"),
        Figure("latency_p99", "99th percentile latency", "ms"),
        Figure("player", "memory per player", "kB"),
        Figure("plain_player", "memory per player without TLS", "kB"),
        Figure("generator", BURDEN, "%"),
    )

    def measure(self, lab, contender):
        plain = self.drive(lab, contender)
        figures = {"plain": per_gb(plain), "plain_player": self.memory(lab, plain)}
        for suite, cipher in SUITES.items():
            bits = cipher.split("-")[1]
            report, least = self.drive(lab, contender, suite), cipher_per_gb(lab, cipher)
            figures |= {
                f"aes_{bits}": per_gb(report), f"openssl_{bits}": least,
                f"ratio_{bits}": (per_gb(report) - least) / per_gb(plain), "player": self.memory(lab, report),
                "generator": generator(report), "latency_p99": report["latency_p99"] * 1e3,
            }
        return figures

    def drive(self, lab, contender, suite=None):
        players, extras = lab.scale(self.players), encrypted(lab)
        options = {"authority": extras.certificate.authority, "suite": suite} if suite else {}
        with lab.servers.start(contender, extras=extras) as server:
            return lab.generator.drive(server, players=players, probes=min(PROBES, players), **options)

    def memory(self, lab, report):
        return (report["memory_played"] - report["memory_published"]) / lab.scale(self.players) / 1e3


def per_gb(report):
    return report["server_time"] / report["received_bytes"] * 1e9


@dataclasses.dataclass
class EncryptedIngest(Load):
    """Publishers without players, plain and of RTMPS."""

    contenders: tuple = (MILLSTREAM,)
    streams: int = 1
    figures = (
        Figure("cpu", "CPU of one core", "%"),
        Figure("plain", "CPU of one core, without TLS", "%"),
        Figure("publisher", "memory per publisher, without its GOP", "kB"),
        Figure("generator", BURDEN, "%"),
    )

    def measure(self, lab, contender):
        streams, extras = lab.scale(self.streams), encrypted(lab)
        figures = {}
        for name, options in (("plain", {}), ("cpu", {"authority": extras.certificate.authority})):
            with lab.servers.start(contender, "gop_cache off;", extras=extras) as server:
                report = lab.generator.drive(server, streams=streams, audio=AUDIO, **options)
            figures[name] = report["server_time"] / report["seconds"] * 100
        memory = (report["memory_published"] - report["memory_alone"]) / streams / 1e3
        return figures | {"publisher": memory, "generator": generator(report)}


@dataclasses.dataclass
class EncryptedFiles(Files):
    """A fragment and a playlist over HTTPS, with wrk. One request after the other on connections that stay."""

    def serve(self, lab, contender):
        return lab.servers.start(contender, extras=encrypted(lab))

    def address(self, server):
        return f"https://{server.https}"


@dataclasses.dataclass
class Handshakes(Load):
    """Clients of HTTPS that come with a request and leave after the answer. They need more time than a server, so the rate
    is what the server's own processor time allows."""

    key: str = ECDSA
    figures = (
        Figure("handshakes", "connections per second of a core"),
        Figure("resumed", "the same, handshakes shortened by tickets"),
        Figure("cpu", "CPU time per connection", "us"),
        Figure("resumed_cpu", "the same, handshakes shortened by tickets", "us"),
        Figure("generator", BURDEN, "%"),
    )

    def measure(self, lab, contender):
        extras = encrypted(lab, self.key)
        with lab.servers.start(contender, extras=extras) as server:
            (server.folder / "www" / REQUEST).write_text("small\n")
            whole, short = (self.connect(lab, server, extras.certificate, flags) for flags in ((), ("--resume",)))
        if whole["resumed"] or short["resumed"] < 0.8 * short["handshakes"]:
            raise Failure(f"{contender}: {short['resumed']} of {short['handshakes']} handshakes were shortened")
        return {
            "handshakes": 1 / cost(whole), "resumed": 1 / cost(short), "cpu": cost(whole) * 1e6,
            "resumed_cpu": cost(short) * 1e6, "generator": generator(whole),
        }

    def connect(self, lab, server, certificate, flags):
        command = [
            str(lab.programs["handshakes"]), "--authority", str(certificate.authority), "--path", f"/{REQUEST}",
            "--clients", str(FLIGHT), "--measure", str(int(lab.generator.seconds * 1000)), *flags]
        for pid in server.pids():
            command += ["--server", pid]
        result = subprocess.run(
            [*command, server.https], capture_output=True, text=True, timeout=lab.generator.seconds + 60,
            preexec_fn=lab.generator.place.take)
        if result.returncode:
            raise Failure(result.stderr.strip())
        return json.loads(result.stdout)


def cost(report):
    return report["server_time"] / report["handshakes"]


PARTS = [Goal("ratio_128", most=1.2), Goal("ratio_256", most=1.2), Goal("player", most=12)]
TLS = {
    "tls-fanout-500": EncryptedFanOut("RTMPS: 1 publisher of 2 Mbit/s, 500 players", PARTS, players=500),
    "tls-ingest-200": EncryptedIngest("RTMPS: 200 publishers of 2 Mbit/s and audio, no player", [], streams=200),
    "tls-files": EncryptedFiles(
        "HTTPS: wrk with 50 connections: a fragment of 500 kB, a playlist",
        [Goal("fragments", over=NGINX, least=0.8), Goal("playlists", over=NGINX, least=0.8)]),
    "tls-handshakes": Handshakes(
        "HTTPS: connections with one request, key of P-256", [Goal("handshakes", over=NGINX, least=0.8)]),
    "tls-handshakes-rsa": Handshakes(
        "HTTPS: connections with one request, key of RSA 2048", [Goal("handshakes", over=NGINX, least=0.8)], key=RSA),
}
