// Feeds frames to a <video> by Media Source Extensions: places them on one line of time, keeps what is buffered small,
// and keeps near to what is live.

import { describe } from "./codecs.js";
import { Track, initSegment } from "./mp4.js";

export const Source = self.MediaSource ?? self.ManagedMediaSource;

const JUMP_MS = 3000; // timestamps that differ by more do not go on: another encoder, or a pause
const FIRST_MS = 1000; // where the line of time begins
const STEP_MS = 30; // between what was and what comes, if timestamps do not tell
const PATIENCE_MS = 1500; // for the header of a track that is announced
const MAX_FRAMES = 2000; // that wait to be appended
const MAX_BYTES = 24 << 20;
const KEEP_S = 5; // behind what is shown
const MAX_KEYS = 1000;
const FASTER = 1.05;
const SLOWER = 0.95;

const end = ({ buffered }) => (buffered.length ? buffered.end(buffered.length - 1) : 0);

export class Sink {
  /** `on.fault(text)`: nothing more can be played; `on.tracks()`: there is a track that this sink has no room for. */
  constructor(video, { target, jump }, on) {
    Object.assign(this, { video, target, jump, on, feeds: {}, wanted: null, source: null, keys: [], ms: FIRST_MS - STEP_MS });
    this.span = this.before = null;
    this.picture = { width: 1280, height: 720 };
    this.without = []; // kinds of tracks that this browser cannot play
    this.hold();
  }

  tracks(wanted) {
    this.wanted = wanted;
    // A new answer begins with a key frame.
    for (const kind in this.feeds) this.feeds[kind].hasKey = false;
  }

  size(width, height) {
    this.picture = { width, height };
  }

  header(header) {
    const { kind } = header;
    const description = describe(header, this.picture);
    if (!description || !Source.isTypeSupported(description.mime)) return this.refuse(header);
    const feed = this.feeds[kind];
    if (feed?.isSame(header)) return;
    if (feed) return feed.change(header, description);
    if (this.source) return this.on.tracks();
    this.feeds[kind] = new Feed(header, description, this);
    this.begun ??= performance.now();
    this.open();
  }

  refuse({ kind, codec }) {
    if (this.without.some((other) => other.kind === kind)) return;
    this.without.push({ kind, codec });
    if (this.feeds[kind]) this.on.tracks();
    else this.on.lacks({ kind, codec });
  }

  frame(frame) {
    const feed = this.feeds[frame.kind];
    if (!feed) return;
    if (!feed.hasKey && !(feed.hasKey = frame.isKey)) return;
    const ms = this.place(frame.time);
    if (frame.kind === "video" && frame.isKey && this.keys.push(ms / 1000) > MAX_KEYS) this.keys.shift();
    feed.track.add(frame, ms);
    if (feed.track.samples.length > MAX_FRAMES || feed.track.bytes > MAX_BYTES) feed.drop();
    if (this.source) feed.pump();
    else this.open();
  }

  /** The place of a timestamp on the line of time, which goes on whatever the timestamps do. */
  place(time) {
    const isNear = (span) => span && Math.abs(time - span.last) < JUMP_MS;
    if (!isNear(this.span)) {
      const span = isNear(this.before) ? this.before : { offset: this.ms + STEP_MS - time };
      [this.before, this.span] = [this.span, span];
    }
    this.span.last = time;
    const ms = time + this.span.offset;
    this.ms = Math.max(this.ms, ms);
    return ms;
  }

  /** Begins when every track that is announced has its header, or has had time for it. */
  open() {
    const isKnown = (kind) => !this.wanted?.[kind] || this.feeds[kind] || this.without.some((other) => other.kind === kind);
    const isComplete = isKnown("video") && isKnown("audio");
    if (this.source || (!isComplete && performance.now() - this.begun < PATIENCE_MS)) return;
    this.source = new Source();
    this.video.disableRemotePlayback = true;
    this.url = URL.createObjectURL(this.source);
    this.source.addEventListener("sourceopen", () => {
      URL.revokeObjectURL(this.url);
      for (const feed of Object.values(this.feeds)) feed.open(this.source);
    }, { once: true });
    this.video.src = this.url;
    this.on.open();
  }

  /** Nothing is shown until there is enough ahead again. */
  hold() {
    this.heldAt ??= performance.now();
  }

  /** Seconds of the picture ahead of what is shown. */
  ahead() {
    return end(this.video) - this.video.currentTime;
  }

  /** Keeps near to what is live: by a little more or less speed, by a jump only if it is far away. */
  tick() {
    const { video } = this;
    if (!this.source || !video.buffered.length || video.seeking) return;
    const start = video.buffered.start(0);
    let ahead = this.ahead();
    if (video.currentTime < start || ahead > this.jump || (this.heldAt && ahead > this.target + 1)) {
      const wished = Math.max(start, end(video) - this.target);
      if (Math.abs(wished - video.currentTime) > 0.05) video.currentTime = wished;
      ahead = end(video) - wished;
    }
    if (this.heldAt) {
      const isLong = performance.now() - this.heldAt > PATIENCE_MS && ahead > 0.2;
      if (ahead < this.target * 0.8 && !isLong) return this.speed(0);
      this.heldAt = undefined;
    }
    if (ahead > this.target + 0.3) this.speed(FASTER);
    else if (ahead < this.target - 0.5) this.speed(SLOWER);
    else if (Math.abs(ahead - this.target) < 0.1 || video.playbackRate === 0) this.speed(1);
  }

  speed(rate) {
    if (this.video.playbackRate !== rate) this.video.playbackRate = rate;
  }

  /** Up to where nothing is needed any more: a key frame, because what follows depends on it. */
  needless() {
    const limit = this.video.currentTime - KEEP_S;
    if (!this.feeds.video) return limit;
    while (this.keys.length > 1 && this.keys[1] < limit) this.keys.shift();
    return this.keys[0] < limit ? this.keys[0] - 0.01 : 0;
  }

  close() {
    for (const feed of Object.values(this.feeds)) feed.close();
    this.isClosed = true;
  }
}

/** A track and its SourceBuffer. */
class Feed {
  constructor(header, description, sink) {
    Object.assign(this, { header, sink, track: new Track(description), mime: description.mime, hasKey: false });
    this.out = [{ bytes: initSegment(description) }];
    this.trimmed = 0;
  }

  isSame({ codec, config }) {
    const own = this.header;
    return own.codec === codec && (this.isFrameHeader(codec) || own.config.length === config.length && config.every((byte, i) => byte === own.config[i]));
  }

  isFrameHeader(codec) {
    return codec === ".mp3" || codec === "ac-3";
  }

  /** Another codec, or another size: what came before it is played first. */
  change(header, description) {
    const bytes = this.track.take(true);
    if (bytes) this.out.push({ bytes });
    this.out.push({ mime: description.mime, bytes: initSegment(description) });
    Object.assign(this, { header, track: new Track(description), hasKey: false });
    if (this.out.length > 64) this.sink.on.fault("the stream changes too often");
  }

  open(source) {
    try {
      this.buffer = source.addSourceBuffer(this.mime);
    } catch (error) {
      return this.sink.on.fault(error.message);
    }
    this.buffer.addEventListener("updateend", () => {
      this.pump();
      this.sink.tick();
    });
    this.buffer.addEventListener("error", () => this.sink.on.fault("the browser cannot read the stream"));
    this.pump();
  }

  drop() {
    this.track.clear();
    this.hasKey = false;
  }

  pump() {
    const { buffer, sink } = this;
    if (!buffer || buffer.updating || sink.isClosed || sink.video.error) return;
    try {
      const needless = sink.needless();
      if (needless > this.trimmed + KEEP_S) return this.trim(needless);
      const next = this.out[0] ?? { bytes: this.track.take() };
      if (!next.bytes) return;
      if (next.mime && next.mime !== this.mime) {
        buffer.changeType(next.mime);
        this.mime = next.mime;
      }
      if (!this.out.length) this.out.push(next);
      buffer.appendBuffer(next.bytes);
      this.out.shift();
    } catch (error) {
      if (error.name !== "QuotaExceededError") return sink.on.fault(error.message);
      const needless = sink.needless();
      if (needless > this.trimmed) this.trim(needless);
      else sink.on.fault("the browser has no room for the stream");
    }
  }

  trim(until) {
    this.trimmed = until;
    this.buffer.remove(0, until);
  }

  close() {
    this.drop();
    this.out = [];
  }
}
