"""OBS Studio itself as a publisher: it plays the clip in a scene and streams, on a screen that is not there."""

import json
import signal
import statistics
import time

from . import clips, flv
from .lab import Failure, wait
from .publishers import Publisher

GLOBAL = """[General]
FirstRun=true
ConfirmOnExit=false
EnableAutoUpdates=false
Pre19Defaults=false
Pre21Defaults=false
Pre23Defaults=false
Pre24.1Defaults=false
LastVersion=486539266
[OBSWebSocket]
FirstLoad=false
ServerEnabled=false
"""
SHUTTING_DOWN = "== Shutting down"
SOUND_PACKET = 24  # milliseconds, rounded up: 1024 samples of 44.1 or 48 kHz
# A recording of quality Stream holds the packets of the stream: one encoder makes both.
PROFILE = """[General]
Name=Lab
[Video]
BaseCX=320
BaseCY=180
OutputCX=320
OutputCY=180
FPSType=0
FPSCommon=25 PAL
[Audio]
SampleRate=44100
[Output]
Mode=Simple
Reconnect=false
[SimpleOutput]
StreamEncoder=x264
VBitrate=600
ABitrate=128
Preset=ultrafast
UseAdvanced=true
x264Settings=keyint=25
FilePath={folder}
RecFormat=flv
RecQuality=Stream
"""


def scene(clip):
    """A scene that shows the clip again and again."""
    source = {"id": "ffmpeg_source", "name": "Clip", "mixers": 255,
              "settings": {"local_file": str(clip), "looping": True}}
    item = {"name": "Clip", "id": 1, "visible": True, "scale": {"x": 0.5, "y": 0.5}}
    return {
        "name": "Lab", "current_scene": "Scene", "current_program_scene": "Scene", "scene_order": [{"name": "Scene"}],
        "sources": [source, {"id": "scene", "name": "Scene", "settings": {"items": [item], "id_counter": 1}}],
    }


class ObsStudio(Publisher):
    """It records what it streams, so that it is known what it has published."""

    title = "OBS Studio"
    is_exact = False
    profile = PROFILE
    screen_size = "640x480"
    tasks = ("--startstreaming", "--startrecording")
    rounding = 2  # in the recording, times are rounded; in the stream, cut off

    def prepare(self):
        self.home = self.copy.with_suffix(".obs")
        self.recording = self.copy.parent / "recorded" / f"{self.copy.name.removesuffix('.published.flv')}.flv"
        settings = self.home / "obs-studio"
        profile, scenes = settings / "basic/profiles/Lab", settings / "basic/scenes"
        profile.mkdir(parents=True)
        scenes.mkdir()
        (settings / "global.ini").write_text(GLOBAL)
        (profile / "basic.ini").write_text(self.profile.format(folder=self.home))
        server, key = self.url.rsplit("/", 1)
        service = {"type": "rtmp_custom", "settings": {"server": server, "key": key}}
        (profile / "service.json").write_text(json.dumps(service))
        (scenes / "Lab.json").write_text(json.dumps(scene(self.clip.path)))
        self.screen = self.lab.run("Xvfb", ["Xvfb", "-displayfd", 1, "-screen", 0, f"{self.screen_size}x24", "-nolisten", "tcp"])
        wait(10, "Xvfb's display", lambda: self.screen.ended() or self.display().isdigit())

    def display(self):
        return self.screen.last_words().rsplit(" ", 1)[-1]

    def command(self):
        # What it would fetch from outside (the list of services, updates) is asked of a proxy that is not there.
        return ["env", f"HOME={self.home}", f"XDG_CONFIG_HOME={self.home}", f"XDG_RUNTIME_DIR={self.home}",
                f"DISPLAY=:{self.display()}", "LIBGL_ALWAYS_SOFTWARE=1", "https_proxy=http://127.0.0.1:9",
                "obs", *self.tasks, "--multi",
                "--profile", "Lab", "--collection", "Lab", "--scene", "Scene"]

    def start(self):
        """It may take seconds until its first pictures come: it has started when it has sent a group of them."""
        super().start()
        try:
            wait(20, "OBS's second group of pictures", lambda: self.process.ended() or self.has_second_group())
        except Failure:
            pass  # what has not come will be missed when it has ended
        self.since = time.monotonic()

    def has_second_group(self):
        try:
            return sum(tag.is_key() for tag in flv.read(self.recording, torn=True)) > 1
        except Failure:
            return False  # there is no file yet, or nothing in it

    def finish(self):
        wait(clips.SECONDS + 20, "OBS to have streamed for long enough", self.is_done, 0.2)
        self.process.interrupt()
        wait(20, "OBS to shut down", lambda: self.process.ended() or SHUTTING_DOWN in self.process.output())
        if not self.process.ends_within(10):
            self.process.kill()
        # OBS 29 sometimes fails when it unloads its plugins, long after the stream has ended; and sometimes it stays
        # in its shutting down for good, and streams and records on meanwhile.
        code = self.process.wait(0)
        if code not in (0, -signal.SIGSEGV, -signal.SIGKILL) or SHUTTING_DOWN not in self.process.output():
            raise Failure(f"OBS ends with {code}: {self.process.last_words()}")
        self.screen.kill()

    def is_done(self):
        """Whether it has ended by mistake, or has streamed as long as the others."""
        return self.process.ended() or time.monotonic() > self.since + clips.SECONDS

    def published(self):
        """Its own recording, as far as it was streamed too: the stream begins later and ends later, a little.
        OBS begins each of the two with a packet that tells of its encoder, and moves the sound of each by up to
        a packet, for picture and sound to begin together.
        """
        own = next(self.home.glob("*.flv"), None)
        if own is None:
            raise Failure("OBS has made no recording of its own")
        tags, streamed = flv.read(own, torn=self.process.wait(0) == -signal.SIGKILL), flv.read(self.recording)
        kept = [tag for tag in tags if tag.is_header() or tag.is_metadata()]
        shifts = []
        for track in flv.tracks(tags):
            common, shift = overlap(flv.frames(tags, track), flv.frames(streamed, track), flv.name_of(track))
            kept += common
            shifts.append(shift)
        if max(shifts) - min(shifts) > SOUND_PACKET:
            raise Failure(f"OBS's recording and what it streamed are {shifts} ms apart, by track")
        return sorted(kept, key=lambda tag: tag.time)


def overlap(ours, theirs, name):
    """What the server has, with the packets of OBS's own recording where there are any, and their times as in the
    stream but for one shift; and that shift.
    """
    for begin in range(len(ours)):
        common = ours[begin + 1:begin + len(theirs)]
        # Packets of silence are all alike: one alone does not tell where the stream begins.
        if all(a.payload == b.payload for a, b in zip(common, theirs[1:])):
            break
    tail = theirs[1 + len(common):]
    if len(common) < 4 * clips.FRAME_RATE or len(tail) > clips.FRAME_RATE:
        raise Failure(f"of OBS's {len(ours)} {name} packets, {len(common)} are among the {len(theirs)} streamed")
    shift = round(statistics.median(a.time - b.time for a, b in zip(common, theirs[1:])))
    return theirs[:1] + [tag._replace(time=tag.time - shift) for tag in common] + tail, shift
