// Feeds frames to a <video> by Media Source Extensions: one line of time, a short buffer, near to what is live.

import { describe } from "./codecs.js";
import { Track, initSegment } from "./mp4.js";

export const Source = self.MediaSource ?? self.ManagedMediaSource;

const JUMP_MS = 3000; // timestamps that differ by more do not go on: another encoder, or a pause
const FIRST_MS = 1000; // where the line of time begins
const STEP_MS = 30; // between what was and what comes, if timestamps do not tell
const PATIENCE_MS = 1500; // for the header of a track that is announced, and for enough to begin with
const STALL_MS = 20000; // two stalls within it: a larger reserve is needed
const MAX_TARGET_S = 3;
const BATCH_MS = 80; // of frames that are appended at once: each time costs
const MAX_FRAMES = 8000; // that wait to be appended: more than a segment of HLS has
const MAX_BYTES = 40 << 20;
const MAX_CHANGES = 16; // of the codec, that wait to be appended
const MAX_KEYS = 1000;
const KEEP_S = 5; // behind what is shown

const same = (a, b) => a.length === b.length && a.every((byte, i) => byte === b[i]);

/** What FlvReader and TsReader tell goes to a <video>. */
export class Sink {
  /** `on`: open(), fault(text), tracks() if others are there than those that it began with, lacks({ kind, codec }). */
  constructor(video, on) {
    Object.assign(this, { video, on, feeds: {}, keys: [], picture: { width: 1280, height: 720 } });
    this.without = []; // tracks that this browser cannot play
    this.ms = FIRST_MS - STEP_MS; // the end of the line of time
    this.span = this.before = null;
    this.keepDelay(0.8, 4);
    this.heldAt = performance.now();
  }

  /** How far to be behind what is live, in seconds, and when to jump. */
  keepDelay(target, jump) {
    [this.least, this.target, this.jump] = [target, target, jump];
  }

  /** An answer of the server begins: with a key frame, and with some that have been shown. */
  tracks(wanted) {
    this.wanted = wanted;
    this.freshUntil = performance.now() + 2 * PATIENCE_MS;
    this.goOn();
    for (const kind in this.feeds) {
      this.feeds[kind].hasKey = false;
      if (!wanted[kind]) return this.on.tracks();
    }
  }

  /** Whatever the next timestamp is, it follows the last one. */
  goOn() {
    this.span = this.before = null;
  }

  size(width, height) {
    this.picture = { width, height };
  }

  header(header) {
    const feed = this.feeds[header.kind];
    if (this.isClosed || feed?.isSame(header)) return;
    const description = describe(header, this.picture);
    if (!description || !Source.isTypeSupported(description.mime)) return this.refuse(header);
    if (feed) return feed.change(header, description);
    if (this.source) return this.on.tracks();
    this.feeds[header.kind] = new Feed(header, description, this);
    this.begunAt ??= performance.now();
    this.open();
  }

  refuse({ kind, codec }) {
    if (this.feeds[kind]) return this.on.tracks();
    if (this.lacks(kind)) return;
    this.without.push({ kind, codec });
    this.on.lacks({ kind, codec });
    this.open();
  }

  lacks(kind) {
    return this.without.some((track) => track.kind === kind);
  }

  frame(frame) {
    const feed = this.feeds[frame.kind];
    if (!feed || this.isClosed) return;
    if (!(feed.hasKey ||= frame.isKey)) return;
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
    const isKnown = (kind) => !this.wanted?.[kind] || this.feeds[kind] || this.lacks(kind);
    const isLate = performance.now() - this.begunAt > PATIENCE_MS;
    if (this.source || this.isClosed || !(this.feeds.video || this.feeds.audio)) return;
    if (!isLate && !(isKnown("video") && isKnown("audio"))) return;
    this.source = new Source();
    const url = URL.createObjectURL(this.source);
    this.source.addEventListener("sourceopen", () => {
      URL.revokeObjectURL(url);
      for (const feed of Object.values(this.feeds)) feed.open(this.source);
    }, { once: true });
    this.video.disableRemotePlayback = true;
    this.video.src = url;
    this.on.open();
  }

  /** There is nothing to show: it goes on when there is enough ahead again. */
  stall() {
    const now = performance.now();
    // At the beginning, and at a jump, it waits for its decoder.
    if (!this.heldAt && !this.video.seeking && now > this.freshUntil) {
      if (now - this.stalledAt < STALL_MS) this.target = Math.max(this.target, Math.min(MAX_TARGET_S, this.target + 0.5));
      this.stalledAt = now;
    }
    this.heldAt ??= now;
  }

  get end() {
    const { buffered } = this.video;
    return buffered.length ? buffered.end(buffered.length - 1) : 0;
  }

  /** Seconds that are there to be shown. */
  get ahead() {
    return Math.max(0, this.end - this.video.currentTime);
  }

  /** Keeps near to what is live by speed; by a jump only if it is far away or stands still. */
  tick() {
    if (this.isClosed) return;
    const { video, end, target } = this;
    const now = performance.now();
    for (const feed of Object.values(this.feeds)) feed.pump();
    if (!this.source || !video.buffered.length || video.seeking) return;
    if (now - this.stalledAt > 3 * STALL_MS) [this.target, this.stalledAt] = [Math.max(this.least, target - 0.5), now];
    const first = video.buffered.start(0);
    const isHls = target > MAX_TARGET_S; // of which seconds come at once
    // While nothing is shown, a jump is not seen; what a new answer begins with has been shown.
    const limit = this.heldAt || (now < this.freshUntil && !isHls) ? target + 0.3 : this.jump;
    if (video.currentTime < first || this.ahead > limit) this.seek(Math.max(first, end - target));
    else if (video.buffered.length > 1) this.leap();
    const ahead = end - video.currentTime;
    const isLong = now - this.heldAt > (isHls ? target * 1000 : PATIENCE_MS) && ahead > 0.2;
    if (this.heldAt && ahead < target * 0.8 && !isLong) return this.speed(0);
    this.heldAt = undefined;
    const apart = isHls ? 0 : ahead - target;
    if (Math.abs(apart) > 0.3) this.speed(apart > 0 ? 1.05 : 0.95);
    else if (!video.playbackRate || apart * (video.playbackRate - 1) <= 0) this.speed(1);
  }

  /** Over a hole. */
  leap() {
    const { currentTime, buffered } = this.video;
    for (let i = 1; i < buffered.length; i++) {
      if (currentTime < buffered.start(i) && currentTime > buffered.end(i - 1) - 0.1) return this.seek(buffered.start(i) + 0.01);
    }
  }

  seek(time) {
    this.video.currentTime = time;
  }

  speed(rate) {
    if (this.video.playbackRate !== rate) this.video.playbackRate = rate;
  }

  /** Up to where nothing is needed any more: up to a key frame, because what follows depends on it. */
  get needless() {
    const limit = this.video.currentTime - KEEP_S;
    if (!this.feeds.video) return limit;
    while (this.keys[1] < limit) this.keys.shift();
    return this.keys[0] < limit ? this.keys[0] - 0.01 : 0;
  }

  close() {
    this.isClosed = true;
    this.feeds = {};
  }
}

/** A track and its SourceBuffer. */
class Feed {
  constructor(header, description, sink) {
    Object.assign(this, { header, sink, track: new Track(description), mime: description.mime, hasKey: false, trimmed: 0 });
    this.out = [{ mime: this.mime, bytes: initSegment(description) }];
  }

  isSame({ codec, config }) {
    return codec === this.header.codec && (same(config, this.header.config) || codec === ".mp3" || codec === "ac-3");
  }

  /** Another codec, or another size: what came before is played first. */
  change(header, description) {
    const bytes = this.track.take(true);
    if (bytes) this.out.push({ mime: this.out.at(-1)?.mime ?? this.mime, bytes, from: this.track.from });
    this.out.push({ mime: description.mime, bytes: initSegment(description) });
    Object.assign(this, { header, track: new Track(description), hasKey: false });
    if (this.out.length > MAX_CHANGES) this.sink.on.fault("it changes too often");
  }

  open(source) {
    if (this.sink.isClosed) return;
    try {
      this.buffer = source.addSourceBuffer(this.mime);
    } catch (error) {
      return this.sink.on.fault(error.message);
    }
    this.buffer.addEventListener("updateend", () => {
      this.pump();
      this.sink.tick();
    });
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
      if (sink.needless > this.trimmed + KEEP_S) return this.trim();
      const isQueued = this.out.length > 0;
      const now = performance.now();
      if (!isQueued && now - this.fedAt < BATCH_MS) return;
      this.fedAt = now;
      if (!isQueued) this.out.push({ mime: this.mime, bytes: this.track.take(), from: this.track.from });
      const { mime, bytes, from } = this.out[0];
      if (mime !== this.mime) buffer.changeType(mime);
      this.mime = mime;
      // What has no timestamps of its own follows one after the other.
      if (bytes && mime === "audio/mpeg") buffer.timestampOffset = from;
      if (bytes) buffer.appendBuffer(bytes);
      this.out.shift();
      if (!bytes && isQueued) this.pump();
    } catch (error) {
      if (error.name !== "QuotaExceededError" || sink.needless <= this.trimmed) sink.on.fault(error.message);
      else this.trim();
    }
  }

  trim() {
    this.trimmed = this.sink.needless;
    this.buffer.remove(0, this.trimmed);
  }
}
