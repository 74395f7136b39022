// Reads HLS (RFC 8216) of MPEG-TS: for browsers that play none, where there is no FLV.

import { join } from "./mp4.js";
import { TsReader } from "./ts.js";

const MAX_PLAYLIST = 1 << 20;
const MAX_SEGMENT = 32 << 20;
const MAX_SEGMENTS = 1000; // of a playlist, the last ones
const PATIENCE_MS = 15000;
const RETRY_MS = 2000;
const ENDED_MS = 8000; // until an ended playlist is asked for again: it may go on
const FROM_END = 3; // segments behind the end where a player begins
const MAX_BEHIND = 15; // target durations, after which it begins there again
const MAX_AHEAD_S = 30;
const SWITCH_MS = 20000; // between two choices of a variant
const SPARE = 0.7; // of the bandwidth that a variant may need
const REFUSED = [401, 403];

export class Hls {
  /** `on`: refused(reason), waits(isAway), ended(), fails(reason). */
  constructor(url, sink, on) {
    Object.assign(this, { url, sink, on, next: null, behind: 0, rate: 0, switchedAt: 0 });
    this.abort = new AbortController();
    this.reader = new TsReader(sink);
    this.run().catch((error) => this.abort.signal.aborted || on.fails(error.message));
  }

  close() {
    this.abort.abort();
  }

  async run() {
    while (!this.abort.signal.aborted) {
      const list = await this.playlist();
      const isNews = list && (await this.fetchNew(list));
      if (list && !isNews) list.isEnded ? this.on.ended() : this.on.waits(false);
      await sleep(!list ? RETRY_MS : list.isEnded ? ENDED_MS : list.target * (isNews ? 500 : 300));
    }
  }

  /** The playlist of media, of the variant that is chosen; null if there is none now. */
  async playlist() {
    let [url, text] = [this.url, await this.load(this.url, "text")];
    const variants = text === null ? [] : readMaster(text, url);
    if (variants.length) {
      url = this.choose(variants).url;
      text = await this.load(url, "text");
    }
    if (text === null) return null;
    const list = readMedia(text, url);
    if (list.isOther) throw new Error("The player reads HLS of MPEG-TS only.");
    return list;
  }

  /** The lowest variant first; then the one that there is bandwidth for, seldom another one. */
  choose(variants) {
    const now = performance.now();
    const same = variants.find((variant) => variant.url === this.variant?.url);
    if (same && (!this.rate || now - this.switchedAt < SWITCH_MS)) return same;
    this.switchedAt = now;
    const able = variants.filter((variant) => variant.bandwidth < this.rate * SPARE);
    this.variant = able.at(-1) ?? variants[0];
    if (same && this.variant !== same) this.isOtherVariant = true;
    return this.variant;
  }

  async fetchNew({ segments, target }) {
    this.sink.keepDelay(Math.max(4, 2.5 * target), MAX_BEHIND * target);
    const last = segments.at(-1)?.number ?? 0;
    if (this.isOtherVariant) this.next = segments.find(({ at, duration }) => at + duration / 2 >= this.reached)?.number ?? last + 1;
    this.isOtherVariant = false;
    // At first, after a long pause, and in a playlist that begins anew.
    const isFar = sum(segments.filter((segment) => segment.number >= this.next)) > MAX_BEHIND * target;
    if (this.next === null || this.next < (segments[0]?.number ?? 0) || this.next > last + 1 || isFar) {
      this.next = segments.at(-FROM_END)?.number ?? segments[0]?.number ?? null;
      this.sink.goOn();
    }
    const fresh = segments.filter((segment) => segment.number >= this.next);
    for (const [i, segment] of fresh.entries()) {
      this.behind = sum(fresh.slice(i));
      while (this.sink.ahead > MAX_AHEAD_S && !this.abort.signal.aborted) await sleep(RETRY_MS / 2);
      if (this.abort.signal.aborted) return true;
      await this.fetchSegment(segment);
    }
    this.behind = 0;
    return fresh.length > 0;
  }

  async fetchSegment(segment) {
    const begun = performance.now();
    let data = await this.load(segment.url, "arrayBuffer");
    this.next = segment.number + 1;
    if (data === null) return;
    const rate = (data.byteLength * 8000) / Math.max(1, performance.now() - begun);
    this.rate = this.rate ? Math.min(rate, (2 * this.rate + rate) / 3) : rate;
    if (segment.key) data = await this.decrypt(data, segment);
    if (this.abort.signal.aborted) return;
    if (segment.isDiscontinuity) this.sink.goOn();
    this.reached = segment.at + segment.duration;
    this.reader.push(new Uint8Array(data));
  }

  async decrypt(data, { key, number }) {
    if (!crypto.subtle) throw new Error("Encrypted HLS needs a page of https.");
    if (this.key?.url !== key.url) {
      const raw = await this.load(key.url, "arrayBuffer");
      if (raw === null) throw new Error("The key of this stream is missing.");
      this.key = { url: key.url, value: await crypto.subtle.importKey("raw", raw, "AES-CBC", false, ["decrypt"]) };
    }
    const iv = new Uint8Array(16);
    if (key.iv) key.iv.match(/../g).slice(0, 16).forEach((byte, i) => { iv[i] = parseInt(byte, 16); });
    else new DataView(iv.buffer).setUint32(12, number);
    return crypto.subtle.decrypt({ name: "AES-CBC", iv }, this.key.value, data);
  }

  /** A document, or null if there is none. */
  async load(url, form) {
    try {
      const signal = AbortSignal.any?.([this.abort.signal, AbortSignal.timeout(PATIENCE_MS)]) ?? this.abort.signal;
      const response = await fetch(url, { signal, cache: form === "text" ? "no-store" : "default" });
      if (REFUSED.includes(response.status)) {
        const isText = response.headers.get("content-type")?.startsWith("text/plain");
        this.on.refused((isText && (await response.text()).trim().slice(0, 200)) || `the server says ${response.status}`);
        return null;
      }
      if (response.ok) return await read(response, form);
      response.body?.cancel();
      if (form === "text") this.on.waits(response.status >= 502);
    } catch {
      if (form === "text" && !this.abort.signal.aborted) this.on.waits(true);
    }
    return null;
  }
}

/** A document, or null if it is too long. */
async function read(response, form) {
  const reader = response.body.getReader();
  const parts = [];
  for (let left = form === "text" ? MAX_PLAYLIST : MAX_SEGMENT; ;) {
    const { value, done } = await reader.read();
    if (done) break;
    left -= value.length;
    if (left < 0) {
      reader.cancel();
      return null;
    }
    parts.push(value);
  }
  const bytes = join(parts);
  return form === "text" ? new TextDecoder().decode(bytes) : bytes.buffer;
}

const sum = (segments) => segments.reduce((seconds, { duration }) => seconds + duration, 0);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const attribute = (line, name) => new RegExp(`[:,]${name}=("[^"]*"|[^,]*)`).exec(line)?.[1].replaceAll('"', "");

/** An address in a playlist, with the query of its own, where keys are. */
function resolve(uri, base) {
  const url = new URL(uri, base);
  if (!url.search && url.origin === new URL(base).origin) url.search = new URL(base).search;
  return url.href;
}

/** The variants, the lowest first; none if it is a playlist of media. */
export function readMaster(text, base) {
  const variants = [];
  const lines = text.split(/\r?\n/);
  lines.forEach((line, i) => {
    if (!line.startsWith("#EXT-X-STREAM-INF:")) return;
    const uri = lines.slice(i + 1).find((next) => next && !next.startsWith("#"));
    if (uri) variants.push({ url: resolve(uri, base), bandwidth: Number(attribute(line, "BANDWIDTH")) || 0 });
  });
  return variants.sort((a, b) => a.bandwidth - b.bandwidth);
}

/** The segments of a playlist of media. */
export function readMedia(text, base) {
  const list = { segments: [], target: 6, isEnded: false, isOther: false };
  let [number, duration, at, key, isDiscontinuity] = [0, 0, 0, null, false];
  for (const line of text.split(/\r?\n/)) {
    const value = line.slice(line.indexOf(":") + 1);
    if (line.startsWith("#EXT-X-TARGETDURATION:")) list.target = Math.min(60, Math.max(1, Number(value) || 6));
    else if (line.startsWith("#EXT-X-MEDIA-SEQUENCE:")) number = Math.min(2 ** 48, Math.max(0, Number(value) || 0));
    else if (line.startsWith("#EXT-X-PROGRAM-DATE-TIME:")) at = Date.parse(value) / 1000 || at;
    else if (line.startsWith("#EXT-X-KEY:")) key = readKey(line, base);
    else if (line.startsWith("#EXT-X-MAP:")) list.isOther = true;
    else if (line.startsWith("#EXT-X-ENDLIST")) list.isEnded = true;
    else if (line.startsWith("#EXT-X-DISCONTINUITY") && !line.includes("SEQUENCE")) isDiscontinuity = true;
    else if (line.startsWith("#EXTINF:")) duration = Math.max(0.1, parseFloat(value) || 0);
    else if (line && !line.startsWith("#")) {
      list.segments.push({ url: resolve(line, base), number: number++, duration, at, key, isDiscontinuity });
      at += duration;
      isDiscontinuity = false;
    }
  }
  list.segments.splice(0, list.segments.length - MAX_SEGMENTS);
  return list;
}

function readKey(line, base) {
  const method = attribute(line, "METHOD");
  if (method === "NONE") return null;
  if (method !== "AES-128") throw new Error(`The player does not know the encryption ${method}.`);
  return { url: resolve(attribute(line, "URI") ?? "", base), iv: attribute(line, "IV")?.slice(2) };
}
