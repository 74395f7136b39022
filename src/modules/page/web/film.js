// Plays a recording by its HLS of MPEG-TS, through Media Source Extensions: what is shown next is fetched, wherever the
// viewer goes, and what was shown long ago is let go.

import { describe } from "./player/codecs.js";
import { Track, initSegment } from "./player/mp4.js";
import { Source } from "./player/mse.js";
import { TsReader } from "./player/ts.js";

const AHEAD_S = 30;
const BEHIND_S = 60;
const DELAY_MS = 700; // by which times in the segments are later than those of the file
const TICKS_PER_MS = 90;
const LOOK_MS = 500;
const SIZE = { width: 1280, height: 720 }; // of a picture that does not tell

export class Film {
  /** `fails` is called with the reason if it cannot be played. */
  constructor(video, url, fails) {
    Object.assign(this, { video, url: new URL(url, document.baseURI), buffers: {}, abort: new AbortController() });
    this.run().catch((error) => this.abort.signal.aborted || fails(error.message));
  }

  close() {
    this.abort.abort();
  }

  async run() {
    const text = await (await this.load(this.url)).text();
    const segments = [...text.matchAll(/^(\d+)-(\d+)\.ts\S*/gm)].map(([uri, start, end]) => (
      { url: new URL(uri, this.url), start: start / 1000, end: end / 1000, isThere: false }));
    if (!segments.length) throw new Error("The server lists nothing of it.");
    this.source = new Source();
    this.video.disableRemotePlayback = true;
    this.video.src = URL.createObjectURL(this.source);
    await once(this.source, "sourceopen");
    URL.revokeObjectURL(this.video.src);
    this.source.duration = segments.at(-1).end;
    while (!this.abort.signal.aborted) {
      const at = this.video.currentTime;
      const next = segments.find(({ start, end, isThere }) => !isThere && end > at && start < at + AHEAD_S);
      if (next) await this.fetch(next);
      else await Promise.race([once(this.video, "seeking"), new Promise((resolve) => setTimeout(resolve, LOOK_MS))]);
      if (segments.at(-1).isThere && this.source.readyState === "open") this.source.endOfStream();
      for (const segment of segments) {
        const { start, end, isThere } = segment;
        if (isThere && (end < this.video.currentTime - BEHIND_S || start > this.video.currentTime + 2 * AHEAD_S)) await this.drop(segment);
      }
    }
  }

  async load(url) {
    const response = await fetch(url, { signal: this.abort.signal });
    if (response.ok) return response;
    const isText = response.headers.get("content-type")?.startsWith("text/plain");
    throw new Error(isText ? await response.text() : `The server says ${response.status}.`);
  }

  async fetch(segment) {
    segment.isThere = true;
    const data = new Uint8Array(await (await this.load(segment.url)).arrayBuffer());
    const parts = this.read(data, segment.start * 1000);
    for (const { kind, mime } of parts) this.buffers[kind] ??= Object.assign(this.source.addSourceBuffer(mime), { mime });
    for (const { kind, mime, bytes, from } of parts) {
      if (!bytes) continue;
      const buffer = this.buffers[kind];
      if (buffer.mime !== mime) buffer.changeType(mime);
      buffer.mime = mime;
      if (mime === "audio/mpeg") buffer.timestampOffset = from;
      buffer.appendBuffer(bytes);
      await once(buffer, "updateend");
    }
  }

  async drop(segment) {
    segment.isThere = false;
    for (const buffer of Object.values(this.buffers)) {
      buffer.remove(segment.start, segment.end);
      await once(buffer, "updateend");
    }
  }

  /** What is appended of a segment. */
  read(data, start) {
    const [tracks, parts] = [{}, []];
    const finish = (kind) => {
      const bytes = tracks[kind]?.take(true);
      if (bytes) parts.push({ kind, mime: tracks[kind].description.mime, bytes, from: tracks[kind].from });
    };
    const reader = new TsReader({
      tracks() {},
      header(header) {
        const { kind, codec } = header;
        finish(kind);
        const description = describe(header, SIZE);
        const isKnown = description && Source.isTypeSupported(description.mime);
        if (!isKnown && kind === "video") throw new Error(`This browser cannot play ${codec}.`);
        tracks[kind] = isKnown ? new Track(description) : undefined;
        if (isKnown) parts.push({ kind, mime: description.mime, bytes: initSegment(description) });
      },
      frame: (frame) => tracks[frame.kind]?.add(frame, frame.time - DELAY_MS),
    });
    // Times wrap after a day.
    reader.last = (start + DELAY_MS) * TICKS_PER_MS;
    reader.push(data);
    Object.keys(tracks).forEach(finish);
    return parts;
  }
}

const once = (target, type) => new Promise((resolve) => target.addEventListener(type, resolve, { once: true }));
