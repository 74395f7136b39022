// The player: a <video> that a stream is fed to, in the way that this browser can play, and words over it. It never gives
// up on a stream that may come back.

import { FlvReader } from "./flv.js";
import { Sink, Source } from "./mse.js";

const HLS_TYPE = "application/vnd.apple.mpegurl";
const NO_ENCODER = "Waiting for the encoder…";
const NO_SERVER = "No connection to the server. Trying again…";
const TICK_MS = 250;
const SILENCE_MS = 5000; // without data, after which the encoder seems to be away
const DEAD_MS = 20000; // the same for the connection
const ASLEEP_MS = 8000; // between two ticks: the machine has slept
const FIRST_RETRY_MS = 1000;
const LAST_RETRY_MS = 8000;
const MAX_FAULTS = 3; // of decoding, in a row, before another way is tried
const MAX_REASON = 200;
const LIVE = { target: 1, jump: 4 };
const NAMES = {
  avc1: "H.264", avc3: "H.264", hvc1: "H.265", hev1: "H.265", av01: "AV1", vp09: "VP9", vp08: "VP8", vvc1: "H.266", mp4a: "AAC", mp3: "MP3",
  ".mp3": "MP3", Opus: "Opus", opus: "Opus", fLaC: "FLAC", flac: "FLAC", "ac-3": "AC-3", "ec-3": "E-AC-3",
};

/** Why this browser cannot play a stream, or "". */
export function whyNot({ codecs, flv, hls, in_hls: inHls = {} }) {
  const video = document.createElement("video");
  const plays = (kind) => {
    const name = codecs[kind];
    return !name || (Source ? Source.isTypeSupported(typeOf(kind, name)) : video.canPlayType(typeOf(kind, name)) !== "");
  };
  const byFlv = flv && Source;
  const byHls = hls && (Source || video.canPlayType(HLS_TYPE));
  if (!byFlv && !byHls) return flv || hls ? "This browser has no Media Source Extensions." : "The server offers no FLV or HLS of this stream.";
  const lacks = (kind) => codecs[kind] && !(plays(kind) && (byFlv || inHls[kind]));
  if (lacks("video") && (lacks("audio") || !codecs.audio)) return cannot(codecs.video, plays("video"));
  if (lacks("video")) return `Sound only: ${cannot(codecs.video, plays("video"))}`;
  if (lacks("audio")) return codecs.video ? `No sound: ${cannot(codecs.audio, plays("audio"))}` : cannot(codecs.audio, plays("audio"));
  return "";
}

const typeOf = (kind, name) => `${kind}/mp4; codecs="${name}"`;
const nameOf = (codec) => NAMES[codec.split(".")[0] || codec] ?? (/^mp4a\.(6b|69)$/i.test(codec) ? "MP3" : codec);
const cannot = (codec, plays) => (plays ? `HLS has no ${nameOf(codec)}.` : `this browser cannot play ${nameOf(codec)}.`);
const upper = (text) => text.charAt(0).toUpperCase() + text.slice(1);

export class Player {
  constructor(box, { name, flv, hls, onchange }) {
    Object.assign(this, { box, flv: withQuery(flv), hls: withQuery(hls), onchange });
    this.state = "connecting";
    this.why = this.via = "";
    this.retries = this.faults = 0;
    build(this, name);
    this.ways = [
      this.flv && Source && { via: "WebSocket-FLV", begin: () => this.playFlv() },
      this.hls && this.video.canPlayType(HLS_TYPE) && { via: "HLS of the browser", begin: () => this.playNative() },
      this.hls && Source && { via: "HLS", begin: () => this.playHls() },
    ].filter(Boolean);
    this.listen();
    this.ticks = setInterval(() => this.tick(), TICK_MS);
    this.tickedAt = performance.now();
    this.nextWay(this.ways.length ? "" : whyNot({ codecs: {}, flv, hls }));
  }

  get delay() {
    const { video, sink } = this;
    const edge = sink ? video.buffered : video.seekable;
    return this.state === "playing" && edge.length ? Math.max(0, edge.end(edge.length - 1) - video.currentTime) : null;
  }

  close() {
    this.isClosed = true;
    clearInterval(this.ticks);
    this.stop();
    this.abort.abort();
    this.empty();
    this.box.classList.remove("player");
    this.box.replaceChildren();
  }

  // What it is doing.

  change(state, why = "") {
    if (this.isClosed || (this.state === state && this.why === why)) return;
    [this.state, this.why] = [state, why];
    this.box.dataset.state = state;
    const words = { connecting: "Connecting…", playing: this.note ?? "", blocked: "" }[state] ?? why;
    if (this.words.textContent !== words) this.words.textContent = words;
    this.button.hidden = state !== "blocked" && state !== "failed";
    this.button.textContent = state === "failed" ? "Try again" : "Play";
    this.showSound();
    this.onchange?.(this);
  }

  listen() {
    this.abort = new AbortController();
    const on = (target, event, act) => target.addEventListener(event, act, { signal: this.abort.signal });
    const { video } = this;
    on(video, "timeupdate", () => this.moves());
    on(video, "playing", () => this.moves());
    on(video, "waiting", () => this.sink?.hold());
    on(video, "error", () => this.sink ? this.fault(video.error?.message || "the browser cannot decode it") : this.nativeFails());
    on(video, "ended", () => this.sink || this.nativeEnds());
    on(video, "volumechange", () => this.showSound());
    on(video, "pause", () => this.paused());
    on(video, "play", () => this.resumed());
    on(window, "online", () => this.again(0));
    on(document, "visibilitychange", () => document.hidden || this.tick());
    on(this.sound, "click", () => this.turnOn());
    on(this.button, "click", () => this.press());
  }

  /** The picture moves. */
  moves() {
    const { currentTime } = this.video;
    if (currentTime === this.shownAt || this.video.paused || this.video.playbackRate === 0) return;
    this.shownAt = currentTime;
    this.canvas.hidden = true;
    if (this.isSilent && this.sink) return;
    this.faults = currentTime - this.beganAt > 10 ? 0 : this.faults;
    this.change("playing");
  }

  /** The last picture stays while another source begins. */
  keepPicture() {
    const { video, canvas } = this;
    if (!video.videoWidth || !canvas.hidden) return;
    [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
    canvas.getContext("2d").drawImage(video, 0, 0);
    canvas.hidden = false;
  }

  empty() {
    this.keepPicture();
    this.sink?.close();
    this.sink = null;
    this.video.removeAttribute("src");
    this.video.load();
  }

  play() {
    this.beganAt = this.video.currentTime;
    this.video.play()?.catch((error) => {
      if (error.name === "NotAllowedError") this.change("blocked", "The browser lets nothing play by itself.");
    });
  }

  press() {
    if (this.state === "blocked") {
      this.change("connecting");
      return this.play();
    }
    this.way = -1;
    this.faults = 0;
    this.nextWay("");
  }

  showSound() {
    this.sound.hidden = !this.video.muted || this.state !== "playing" || (this.sink && !this.sink.feeds.audio);
  }

  turnOn() {
    this.video.muted = false;
    if (this.video.volume === 0) this.video.volume = 1;
    this.video.focus();
  }

  // A viewer who pauses needs no stream; one who goes on wants what is live.

  paused() {
    if (this.sink && !this.video.ended && !this.video.error) this.stop();
  }

  resumed() {
    if (this.sink && !this.socket && !this.hlsReader && !this.timer) this.again(0);
  }

  // Ways to play.

  nextWay(reason) {
    this.stop();
    this.empty();
    if (reason) this.reason = reason;
    this.way = (this.way ?? -1) + 1;
    const way = this.ways[this.way];
    if (!way) {
      this.via = "";
      return this.change("failed", this.reason);
    }
    this.via = way.via;
    this.change("connecting");
    way.begin();
  }

  /** Begins anew, after some time. */
  again(ms) {
    if (this.isClosed || this.state === "failed" || this.state === "blocked") return;
    this.stop();
    this.timer = setTimeout(() => {
      this.timer = 0;
      this.ways[this.way].begin();
    }, ms);
  }

  retry() {
    const ms = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.retries++);
    this.again(ms * (0.7 + 0.6 * Math.random()));
  }

  /** Lets go of the connection; what is shown stays. */
  stop() {
    clearTimeout(this.timer);
    this.timer = 0;
    this.hlsReader?.close();
    const { socket } = this;
    this.hlsReader = this.socket = null;
    if (socket) {
      socket.onclose = socket.onmessage = null;
      socket.close();
    }
  }

  makeSink(options) {
    this.sink ??= new Sink(this.video, options, {
      open: () => this.play(),
      fault: (text) => this.fault(text),
      tracks: () => this.renew(),
      lacks: (track) => this.lacks(track),
    });
    return this.sink;
  }

  /** Other tracks: another source of media. */
  renew() {
    this.empty();
    this.again(0);
  }

  /** A track that this browser cannot play: another way may do it, or the rest is played. */
  lacks({ kind, codec }) {
    const text = cannot(codec, false);
    this.reason = upper(text);
    if (this.way + 1 < this.ways.length && kind === "video") return setTimeout(() => this.nextWay(this.reason));
    if (this.sink?.without.length > 1) return this.nextWay("");
    this.note = `${kind === "video" ? "No picture" : "No sound"}: ${text}`;
  }

  fault(text) {
    if (this.isClosed || !this.sink) return;
    this.empty();
    if (++this.faults > MAX_FAULTS) return this.nextWay(`It cannot be played: ${text}`);
    this.again(200);
  }

  playFlv() {
    const url = new URL(this.flv, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new WebSocket(url);
    const reader = new FlvReader(this.makeSink(LIVE));
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    this.heardAt = performance.now();
    let isOpen = false;
    socket.onopen = () => { isOpen = true; };
    socket.onmessage = ({ data }) => {
      this.heard();
      try {
        reader.push(new Uint8Array(data));
      } catch (error) {
        this.fault(error.message);
      }
    };
    socket.onclose = () => this.lost(isOpen, reader.isBegun);
  }

  heard() {
    const now = performance.now();
    // Pictures may come seldom.
    this.usual = Math.max(now - this.heardAt, (this.usual ?? 0) * 0.98);
    this.heardAt = now;
    this.isSilent = false;
    this.retries = 0;
  }

  async lost(isOpen, isBegun) {
    this.socket = null;
    if (isBegun) return this.again(200 + 600 * Math.random());
    if (isOpen) {
      this.change("waiting", NO_ENCODER);
      return this.retry();
    }
    // A WebSocket does not say why it is refused. The same URL does.
    const { status, text } = await ask(this.flv);
    if (this.isClosed || this.socket || this.timer) return;
    if ((status === 401 || status === 403) && (this.state !== "playing")) return this.nextWay(`Refused: ${text}`);
    this.change("waiting", status === 0 ? NO_SERVER : status === 404 || status === 200 ? NO_ENCODER : upper(text));
    this.retry();
  }

  tick() {
    const now = performance.now();
    const wasAsleep = now - this.tickedAt > ASLEEP_MS && !document.hidden;
    this.tickedAt = now;
    this.sink?.tick();
    if (!this.socket) return;
    const silence = now - this.heardAt;
    if (wasAsleep && silence > SILENCE_MS / 2) return this.again(0);
    if (silence < Math.max(SILENCE_MS, 2.5 * (this.usual ?? 0)) || this.socket.readyState !== WebSocket.OPEN) return;
    if (silence > DEAD_MS) return this.again(0);
    this.isSilent = true;
    if (this.state !== "blocked") this.change("waiting", NO_ENCODER);
    if (!(now - this.probedAt < SILENCE_MS)) this.probe(now);
  }

  /** Whether it is the encoder that is away, or the network. */
  async probe(now) {
    this.probedAt = now;
    const { socket } = this;
    const { status } = await ask(this.flv, "HEAD");
    if (status !== 0 || socket !== this.socket || !this.isSilent) return;
    this.change("waiting", NO_SERVER);
    this.again(FIRST_RETRY_MS);
  }

  // HLS that the browser plays by itself.

  playNative() {
    this.video.src = this.hls;
    this.play();
  }

  async nativeFails() {
    if (!this.video.hasAttribute("src") || this.isClosed) return;
    const { status, text } = await ask(this.hls);
    if (this.isClosed || this.ways[this.way]?.via !== "HLS of the browser") return;
    if (status === 401 || status === 403) return this.nextWay(`Refused: ${text}`);
    if (status === 200 && ++this.faults > MAX_FAULTS) return this.nextWay("This browser cannot play it.");
    this.change("waiting", status === 0 ? NO_SERVER : NO_ENCODER);
    this.retry();
  }

  nativeEnds() {
    this.change("ended", "The stream has ended.");
  }

  // HLS that is read here.

  async playHls() {
    const { Hls } = await import("./hls.js");
    if (this.isClosed) return;
    this.hlsReader = new Hls(this.hls, this.makeSink({ target: 6, jump: 30 }), {
      heard: () => this.heard(),
      refused: (text) => this.nextWay(`Refused: ${text}`),
      waits: (isAway) => this.change("waiting", isAway ? NO_SERVER : NO_ENCODER),
      ended: () => this.change("ended", "The stream has ended."),
      fails: (text) => this.nextWay(text),
    });
  }
}

/** What the server says of a URL: the status, 0 if it does not answer, and its reason. */
async function ask(url, method = "GET") {
  try {
    const abort = AbortSignal.timeout(SILENCE_MS);
    const response = await fetch(url, { method, cache: "no-store", signal: abort });
    const isText = !response.ok && response.headers.get("content-type")?.startsWith("text/plain");
    const text = isText ? (await response.text()).trim().slice(0, MAX_REASON) : "";
    if (!isText) response.body?.cancel();
    return { status: response.status, text: text || `the server says ${response.status}` };
  } catch {
    return { status: 0, text: "" };
  }
}

/** Who has opened the page with a key or a link watches with it. */
function withQuery(path) {
  if (!path) return null;
  const query = path.includes("?") ? location.search.replace("?", "&") : location.search;
  return new URL(path + query, location.href).href;
}

function build(player, name) {
  const { box } = player;
  const make = (tag, properties) => Object.assign(document.createElement(tag), properties);
  player.video = make("video", { controls: true, muted: true, autoplay: true, playsInline: true });
  player.video.setAttribute("aria-label", name);
  player.canvas = make("canvas", { hidden: true });
  player.words = make("p", { className: "words" });
  player.words.setAttribute("role", "status");
  player.button = make("button", { type: "button", className: "go", hidden: true });
  player.sound = make("button", { type: "button", className: "sound", hidden: true, textContent: "Sound is off" });
  player.sound.setAttribute("aria-label", "Sound is off. Turn it on");
  const over = make("div", { className: "over" });
  over.append(player.words, player.button);
  box.classList.add("player");
  box.dataset.state = "connecting";
  player.words.textContent = "Connecting…";
  box.replaceChildren(player.video, player.canvas, over, player.sound);
  const href = new URL("player.css", import.meta.url).href;
  if (![...document.styleSheets].some((sheet) => sheet.href === href)) {
    document.head.append(make("link", { rel: "stylesheet", href }));
  }
}
