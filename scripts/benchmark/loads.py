"""The table of loads."""

from .attacks import ATTACKS
from .callbacks import Callbacks
from .fanout import Burdened, FanOut, Ingest, Memory
from .flv import FLV
from .instructions import Instructions
from .load import FLOOR, MILLSTREAM, NGINX, Goal
from .output import HLS, RECORD, Binary, Files, Output
from .played import PLAYED
from .polled import Polled
from .process import Idle
from .relays import RELAYS
from .tls import TLS

ALL = (FLOOR, MILLSTREAM, NGINX)
KERNEL = (FLOOR, MILLSTREAM)

# A gathered write of four slices needs 1.04 to 1.07 of the time of a plain send.
LOWEST = [Goal("cpu_per_gb", over=FLOOR, most=1.10), Goal("latency_p99", over=NGINX, most=0.8)]
MERGED = [Goal("cpu_per_gb", over=FLOOR, most=1.3)]
MERGE = "merge_write 350ms;"

LOADS = {
    "fanout-500": FanOut("1 publisher of 2 Mbit/s, 500 players", LOWEST, ALL, players=500),
    "fanout-2000": FanOut("1 publisher of 2 Mbit/s, 2000 players", LOWEST, ALL, players=2000),
    "merged-500": FanOut(
        "the same 500, merge_write 350ms; the floor sends ten frames at once",
        MERGED, KERNEL, players=500, merge=10, directives=MERGE),
    "merged-2000": FanOut(
        "the same 2000, merge_write 350ms; the floor sends ten frames at once",
        MERGED, KERNEL, players=2000, merge=10, directives=MERGE),
    "messages-500k": FanOut(
        "1 publisher of 500 kbit/s, 2000 players",
        [Goal("cpu_per_message", over=NGINX, most=0.55)], ALL, players=2000, video=500_000),
    "streams-100x20": FanOut(
        "100 publishers of 2 Mbit/s, 20 players each",
        [Goal("cpu_per_gb", over=NGINX, most=0.55)], streams=100, players=20),
    "ingest-200": Ingest(
        "200 publishers of 2 Mbit/s and audio, no player", [Goal("cpu", over=NGINX, most=0.5)], streams=200),
    "hls-20": Output(
        "20 publishers of 2 Mbit/s and audio, HLS with fragments of 2 s", [Goal("cpu", over=NGINX, most=0.6)], streams=20,
        directives=HLS, files="*.ts"),
    "record-50": Output(
        "50 publishers of 2 Mbit/s and audio, recorded", [Goal("cpu", over=NGINX, most=1.0)], streams=50,
        directives=RECORD, files="*.flv"),
    "callbacks": Callbacks(
        "1000 publishers per minute, of which a backend is asked and told",
        [Goal("cpu", over=NGINX, most=1.0)], publishers=1000),
    "statistics": Polled(
        "100 streams with 2000 sessions, and five tools that ask for statistics each second",
        [Goal("cpu", most=1.0), Goal("latency_max", most=20)], (MILLSTREAM,), streams=100, players=19, video=64_000),
    "files": Files(
        "wrk with 50 connections: a fragment of 500 kB, a playlist",
        [Goal("fragments", over=NGINX, least=1.0), Goal("playlists", over=NGINX, least=1.0)]),
    "memory": Memory(
        "2000 players of a stream with audio; 200 publishers",
        [Goal("player", most=1.5), Goal("publisher", most=24)], streams=200, players=2000),
    "idle": Idle(
        "just started, nothing connected",
        [Goal("resident", most=3), Goal("wakeups", most=0), Goal("processes", most=1)]),
    "binary": Binary("the release binary; nginx with its module", [Goal("size", most=5)]),
    "crowd-10000": Burdened(
        "10 000 players that wait for a stream, and 200 players of another stream, which lose no frame",
        [Goal("burden", least=10_000)], players=200, others={"idle": 10_000}),
    "unsteady": Burdened(
        "20 players that read 20 kB/s, 50 players per second that join and leave, and 200 other players, which lose no frame",
        [], players=200, others={"slow": 20, "churn": 50}),
    "instructions": Instructions("instructions per video message at 2 Mbit/s", [], (MILLSTREAM,)),
    **FLV,
    **PLAYED,
    **TLS,
    **RELAYS,
    **ATTACKS,
}
