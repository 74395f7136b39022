// The player: a <video> that a stream is fed to, in the way that this browser can play, and words over it. It never gives
// up on a stream that may come back.

import { ask, withQuery } from "./ask.js";
import { FlvReader } from "./flv.js";
import { Sink, Source } from "./mse.js";
import { HLS_TYPE, NO_ADDRESS, NO_SOURCE, cannot, sentence } from "./reasons.js";

export { withQuery } from "./ask.js";
export { whyNot } from "./reasons.js";

const NO_ENCODER = "Waiting for the encoder…";
const NO_SERVER = "No connection to the server. Trying again…";
const ENDED = "The stream has ended.";
const NOTHING_YET = "What the encoder sends cannot be played yet.";
const TICK_MS = 250;
const QUIET_MS = 1500; // without a header, after which nobody seems to publish
const SILENCE_MS = 5000; // without data, after which the encoder seems to be away
const DEAD_MS = 20000; // the same for the connection
const ASLEEP_MS = 8000; // between two ticks: the machine has slept
const SOON_MS = 200;
const FIRST_RETRY_MS = 1000;
const LAST_RETRY_MS = 8000;
const STUCK_MS = 15000; // in which the browser's own HLS begins, or says why not
const MAX_FAULTS = 3; // in a row, before another way is tried
export class Player {
  constructor(box, { name, flv, hls, onchange }) {
    Object.assign(this, { box, flv: withQuery(flv), hls: withQuery(hls), onchange, state: "connecting", why: "", via: "" });
    build(this, name);
    this.ways = [
      this.flv && Source && { via: "WebSocket-FLV", begin: () => this.playFlv() },
      this.hls && this.video.canPlayType(HLS_TYPE) && { via: "HLS of the browser", begin: () => this.playNative() },
      this.hls && Source && { via: "HLS", begin: () => this.playHls() },
    ].filter(Boolean);
    this.listen();
    this.tickedAt = performance.now();
    this.ticks = setInterval(() => this.tick(), TICK_MS);
    this.begin();
  }

  /** Seconds behind what is live, as far as it is known. */
  get delay() {
    const { video, sink } = this;
    if (this.state !== "playing") return null;
    if (sink) return sink.ahead + (this.segments?.behind ?? 0);
    return video.seekable.length ? Math.max(0, video.seekable.end(video.seekable.length - 1) - video.currentTime) : null;
  }

  close() {
    this.isClosed = true;
    clearInterval(this.ticks);
    this.listening.abort();
    this.empty();
    this.box.classList.remove("player");
    this.box.replaceChildren();
  }

  change(state, why = "") {
    if (this.isClosed || (this.state === state && this.why === why)) return;
    [this.state, this.why] = [state, why];
    this.show();
    this.onchange?.(this);
  }

  show() {
    const { state, words, button, sound, sink, video } = this;
    this.box.dataset.state = state;
    const text = { connecting: "Connecting…", playing: this.note, blocked: "" }[state] ?? this.why;
    if (words.textContent !== text) words.textContent = text;
    video.controls = state === "playing" || (video.videoWidth > 0 && state === "waiting");
    button.hidden = state !== "blocked" && state !== "failed";
    button.textContent = state === "failed" ? "Try again" : "Play";
    sound.hidden = !video.muted || state !== "playing" || Boolean(sink && !sink.feeds.audio);
  }

  listen() {
    this.listening = new AbortController();
    const on = (target, event, act) => target.addEventListener(event, act, { signal: this.listening.signal });
    const { video } = this;
    on(video, "timeupdate", () => this.moves());
    on(video, "waiting", () => this.sink?.stall());
    on(video, "error", () => this.sink ? this.fault(video.error?.message) : this.nativeFails());
    on(video, "ended", () => this.sink || this.nativeEnds());
    on(video, "volumechange", () => this.show());
    on(video, "pause", () => this.paused());
    on(video, "play", () => this.resumed());
    on(window, "online", () => performance.now() - this.heardAt > FIRST_RETRY_MS && this.again(0));
    on(document, "visibilitychange", () => document.hidden || this.wakes());
    on(this.button, "click", () => this.press());
    on(this.sound, "click", () => {
      video.muted = false;
      video.volume ||= 1;
      video.focus();
    });
  }

  /** The picture moves, or the sound. */
  moves() {
    const { video, sink } = this;
    if (video.currentTime === this.shown || video.paused || video.seeking || !video.playbackRate) return;
    [this.shown, this.movedAt] = [video.currentTime, performance.now()];
    if (video.readyState < 3 || (sink && (this.isSilent || (this.timer && this.state === "waiting")))) return;
    this.canvas.hidden = true;
    if (this.movedAt - this.playedAt > 2 * SILENCE_MS) this.faults = 0;
    if (!sink && this.reason && !video.videoWidth) this.note = `No picture: ${this.reason.replace(/^This/, "this")}`;
    this.change("playing");
  }

  /** The last picture stays while another source begins. */
  keepPicture() {
    const { video, canvas } = this;
    if (!video.videoWidth || !canvas.hidden || video.readyState < 2) return;
    [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
    canvas.getContext("2d").drawImage(video, 0, 0);
    canvas.hidden = false;
  }

  play() {
    this.playedAt = this.movedAt = performance.now();
    this.video.play()?.catch((error) => {
      if (error.name !== "NotAllowedError" || this.isClosed) return;
      this.stop();
      this.change("blocked", "The browser lets nothing play by itself.");
    });
  }

  press() {
    const wasBlocked = this.state === "blocked";
    this.change("connecting");
    if (wasBlocked) this.play();
    else this.begin();
  }

  // A viewer who pauses needs no stream; one who goes on wants what is live.

  paused() {
    if (this.sink?.source && !this.video.error) this.stop();
  }

  resumed() {
    if (this.sink?.source && !this.socket && !this.segments && !this.timer) this.again(0);
  }

  // Ways to play.

  begin() {
    Object.assign(this, { way: -1, retries: 0, misses: 0, reason: "", note: "", partly: undefined, isSettled: false, isRefused: false });
    this.nextWay(this.ways.length ? "" : this.flv || this.hls ? NO_SOURCE : NO_ADDRESS);
  }

  /** The next way; or the sound without its picture, if that is all. */
  nextWay(reason) {
    this.empty();
    this.reason ||= reason && sentence(reason);
    this.way++;
    if (this.way >= this.ways.length && this.partly !== undefined && !this.isSettled) [this.way, this.isSettled] = [this.partly, true];
    this.faults = 0;
    this.via = this.ways[this.way]?.via ?? "";
    if (!this.via) return this.change("failed", this.reason);
    this.change("connecting");
    this.ways[this.way].begin();
  }

  /** Lets go of the connection; what is shown stays. */
  stop() {
    clearTimeout(this.timer);
    this.segments?.close();
    const { socket } = this;
    this.timer = this.segments = this.socket = null;
    if (!socket) return;
    socket.onclose = socket.onmessage = null;
    socket.close();
  }

  /** Lets go of all but the last picture. */
  empty() {
    this.stop();
    this.keepPicture();
    this.sink?.close();
    this.sink = null;
    this.note = "";
    this.waits = 0;
    if (!this.video.hasAttribute("src")) return;
    this.video.removeAttribute("src");
    this.video.load();
  }

  /** Connects anew, after some time. */
  again(ms) {
    if (this.isClosed || this.state === "failed" || this.state === "blocked") return;
    this.stop();
    this.timer = setTimeout(() => {
      this.timer = null;
      // A viewer who has paused says when.
      if (!(this.sink?.source && this.video.paused)) this.ways[this.way].begin();
    }, ms);
  }

  retry() {
    this.again(Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.retries++) * (0.7 + 0.6 * Math.random()));
  }

  fault(text) {
    if (this.isClosed || !this.sink) return;
    if (++this.faults > MAX_FAULTS) return this.nextWay(`This browser cannot play it: ${text || "it cannot decode it"}`);
    this.empty();
    this.again(SOON_MS * 2 ** this.faults);
  }

  makeSink() {
    this.sink ??= new Sink(this.video, {
      open: () => {
        this.show();
        this.play();
      },
      fault: (text) => this.fault(text),
      tracks: () => setTimeout(() => this.sink && this.beginAnew()),
      lacks: (track) => setTimeout(() => this.lacks(track)),
    });
    return this.sink;
  }

  /** There are other tracks than it was told of. If they change often, that has to wait. */
  beginAnew() {
    const now = performance.now();
    const isOften = now - this.begunAnewAt < 2 * SILENCE_MS;
    this.begunAnewAt = now;
    this.empty();
    if (isOften) this.retry();
    else this.again(0);
  }

  /** A track that this browser cannot play: another way may do it, or the other track is played. */
  lacks({ kind, codec }) {
    if (!this.sink) return;
    const isAll = this.sink.without.length > 1 || !this.sink.wanted?.[kind === "video" ? "audio" : "video"];
    if (isAll) return this.nextWay(cannot(codec));
    if (kind === "video" && !this.isSettled) {
      this.partly ??= this.way;
      return this.nextWay(cannot(codec));
    }
    this.note = `No ${kind === "video" ? "picture" : "sound"}: ${cannot(codec)}.`;
    this.show();
  }

  // FLV over a WebSocket.

  playFlv() {
    const url = new URL(this.flv);
    url.protocol = url.protocol.replace("http", "ws");
    let socket;
    try {
      socket = new WebSocket(url);
    } catch (error) {
      return this.nextWay(error.message);
    }
    const reader = new FlvReader(this.makeSink());
    socket.binaryType = "arraybuffer";
    Object.assign(this, { socket, reader, openedAt: undefined, heardAt: performance.now(), movedAt: performance.now(), usual: 0 });
    socket.onopen = () => { this.openedAt = performance.now(); };
    socket.onmessage = ({ data }) => {
      this.heard();
      try {
        reader.push(new Uint8Array(data));
      } catch (error) {
        this.fault(error.message);
      }
    };
    socket.onclose = () => this.lost();
  }

  heard() {
    const now = performance.now();
    if (now - this.heardAt > FIRST_RETRY_MS) this.movedAt = now;
    // Pictures may come seldom.
    this.usual = Math.max(now - this.heardAt, this.usual * 0.98);
    this.heardAt = now;
    this.isSilent = false;
    if (now - this.openedAt > SILENCE_MS) this.retries = this.misses = 0;
  }

  async lost() {
    this.socket = null;
    // A stream that ends may go on at once, with other tracks.
    if (this.reader.isBegun && this.retries++ === 0) return this.again(SOON_MS * (1 + 3 * Math.random()));
    if (this.openedAt) return this.wait(NO_ENCODER);
    // The same URL says why, a WebSocket does not.
    const { status, text } = await ask(this.flv);
    if (this.isClosed || this.socket || this.timer || this.state === "failed") return;
    if (status === 401 || status === 403) return this.refused(text);
    const isAbsent = status === 503 || /^nobody/.test(text);
    // Proxies may pass FLV, and no WebSocket: status 200.
    if (status && !isAbsent && ++this.misses >= MAX_FAULTS && this.way + 1 < this.ways.length) return this.nextWay(text);
    this.wait(isAbsent ? NO_ENCODER : status > 200 ? sentence(text) : NO_SERVER);
  }

  refused(text) {
    this.isRefused = true;
    this.nextWay(`Refused: ${text}`);
  }

  wait(why) {
    this.change("waiting", why);
    this.retry();
  }

  /** If another way has failed for a reason, that is to be told. */
  hasNothing() {
    return this.isRefused || (this.reason !== "" && ++this.waits > MAX_FAULTS);
  }

  /** What has not moved while nobody looked does not stand still. */
  wakes() {
    this.movedAt = performance.now();
    this.tick();
  }

  tick() {
    const now = performance.now();
    const wasAsleep = now - this.tickedAt > ASLEEP_MS && !document.hidden;
    this.tickedAt = now;
    if (wasAsleep) this.movedAt = now;
    this.sink?.tick();
    const { video, socket } = this;
    const stands = now - this.movedAt > SILENCE_MS && !video.paused && !document.hidden;
    if (!this.sink && stands && this.state === "playing") this.change("waiting", NO_ENCODER);
    if (this.isStuck(now)) return this.nextWay("The browser's own HLS does not begin");
    if (this.segments && stands && this.sink?.source && this.sink.ahead > 1 && this.state !== "blocked") return this.fault("it stands still");
    if (!socket || !this.openedAt) return;
    const silence = now - this.heardAt;
    if (silence > DEAD_MS || (wasAsleep && silence > FIRST_RETRY_MS)) return this.again(0);
    if (!this.reader.isBegun && now - this.openedAt > QUIET_MS) this.change("waiting", NO_ENCODER);
    if (silence > Math.max(SILENCE_MS, 2.5 * this.usual)) this.silent(now);
    // There is data, and nothing is shown of it: one of the tracks has ceased.
    else if (stands && silence < FIRST_RETRY_MS && this.state !== "blocked") {
      if (this.sink?.source) this.fault("it stands still");
      else this.change("waiting", NOTHING_YET);
    }
  }

  /** The browser's own HLS neither plays nor fails, and there is another way. */
  isStuck(now) {
    const isTried = !this.sink && !this.timer && this.state === "connecting" && this.video.hasAttribute("src");
    return isTried && now - this.playedAt > STUCK_MS && this.way + 1 < this.ways.length;
  }

  /** The encoder is away, or the network. */
  async silent(now) {
    const { socket } = this;
    if (!this.isSilent) this.change("waiting", NO_ENCODER);
    if (this.isSilent && now - this.askedAt < SILENCE_MS) return;
    this.isSilent = true;
    this.askedAt = now;
    const { status } = await ask(this.flv, "HEAD");
    if (status === 0 && socket === this.socket && this.isSilent) this.wait(NO_SERVER);
  }

  // HLS that the browser plays by itself.

  playNative() {
    this.video.src = this.hls;
    this.play();
  }

  async nativeFails() {
    const { way } = this;
    const { status, text } = await ask(this.hls);
    if (this.isClosed || this.way !== way || this.timer || this.state === "failed") return;
    if (status === 401 || status === 403) return this.refused(text);
    if (status > 200 && this.hasNothing()) return this.nextWay("");
    if (status === 200 && ++this.faults > MAX_FAULTS) return this.nextWay("This browser cannot play it.");
    this.keepPicture();
    this.wait(status === 0 ? NO_SERVER : NO_ENCODER);
  }

  /** The playlist has ended. It goes on if the stream is published again. */
  async nativeEnds() {
    this.change("ended", ENDED);
    const { text } = await ask(this.hls);
    if (this.state !== "ended" || this.isClosed) return;
    if (text && !text.includes("#EXT-X-ENDLIST")) return this.again(0);
    this.timer = setTimeout(() => this.nativeEnds(), LAST_RETRY_MS);
  }

  // HLS that is read here.

  async playHls() {
    const { Hls } = await import("./hls.js").catch(() => ({}));
    if (!Hls) return this.wait(NO_SERVER);
    if (this.isClosed || this.segments || this.ways[this.way]?.via !== "HLS") return;
    const sink = this.makeSink();
    const pauses = (state, why) => sink.ahead < 0.2 && this.change(state, why);
    this.segments = new Hls(this.hls, sink, {
      refused: (text) => this.refused(text),
      waits: (isAway) => (!isAway && !sink.source && this.hasNothing() ? this.nextWay("") : pauses("waiting", isAway ? NO_SERVER : NO_ENCODER)),
      ended: () => pauses("ended", ENDED),
      fails: (text) => this.fault(text),
    });
  }
}

function build(player, name) {
  const make = (tag, properties) => Object.assign(document.createElement(tag), properties);
  const { box } = player;
  const video = make("video", { controls: true, muted: true, autoplay: true, playsInline: true });
  const words = make("p", { className: "words", textContent: "Connecting…" });
  const button = make("button", { type: "button", hidden: true });
  const sound = make("button", { type: "button", className: "sound", hidden: true, textContent: "Sound is off", title: "Turn the sound on" });
  const over = make("div", { className: "over" });
  over.append(words, button);
  Object.assign(player, { video, words, button, sound, canvas: make("canvas", { hidden: true }) });
  words.setAttribute("role", "status");
  video.setAttribute("aria-label", name);
  box.classList.add("player");
  box.dataset.state = "connecting";
  box.replaceChildren(video, player.canvas, over, sound);
  const href = new URL("player.css", import.meta.url).href;
  if (![...document.styleSheets].some((sheet) => sheet.href === href)) document.head.append(make("link", { rel: "stylesheet", href }));
}
