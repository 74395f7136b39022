// A server that answers as Millstream's page does, with streams in every state that the console shows, and numbers that
// move. Tests steer it by its fields; alone it serves a person who works on the console:
//
//   node mock-server.mjs PORT [STREAMS]

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const WEB = fileURLToPath(new URL("../../src/modules/page/web/", import.meta.url));
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8" };
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; media-src 'self' blob:; " +
  "img-src 'self' data:; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";
const TOKEN = "see-and-act";
const HISTORY = 60;
const HEIGHT = 360;
const AUDIO = 8; // a tag of FLV
const MAX_STREAMS = 500;
// The sky above and below, and the hills: red, green, blue.
const SCENES = [
  [[38, 66, 120], [250, 190, 140], [24, 44, 58]], [[120, 180, 230], [230, 240, 245], [54, 104, 84]], [[20, 20, 52], [70, 70, 130], [10, 14, 26]],
  [[70, 130, 190], [250, 225, 190], [90, 80, 60]], [[90, 50, 110], [255, 150, 110], [40, 22, 50]], [[160, 200, 210], [245, 245, 235], [60, 110, 130]],
  [[16, 60, 70], [120, 200, 180], [8, 34, 38]], [[200, 120, 90], [255, 220, 150], [80, 40, 44]],
];

const NAMES = ["Stage left", "Pulpit", "Studio 2", "Камера 4", "drone", "lobby", "Council chamber", "harbour-cam", "Hauptbühne", "podcast"];
const CODECS = {
  h264: ["H.264 High", "avc1.64001f"], hevc: ["HEVC Main", "hvc1.1.6.L93.B0"], av1: ["AV1 Main", "av01.0.05M.08"],
  aac: ["AAC LC", "mp4a.40.2"], opus: ["Opus", "opus"], none: ["", ""],
};

export class MockServer {
  streams = []; // what is live; made by `stream`
  waiting = []; // [app, name, ms]
  run = "18f3c2a1";
  isAway = false; // no answer at all
  status = 0; // an answer of this status in place of every JSON
  embed = ["'self'"];
  hasApi = true;
  hasTokens = true; // the API wants one of who acts
  requests = []; // the last of them
  acts = []; // what was asked of the API
  #second = 5000;
  #serial = 0;
  #media = makeMedia();

  async listen(port = 0) {
    this.server = createServer((request, response) => this.#answer(request, response));
    this.server.on("upgrade", (request, socket) => this.#play(request, socket));
    this.server.listen(port, "127.0.0.1");
    await new Promise((resolve) => this.server.once("listening", resolve));
    this.timer = setInterval(() => this.#tick(), 1000);
    return `http://127.0.0.1:${this.server.address().port}/`;
  }

  close() {
    clearInterval(this.timer);
    this.server.closeAllConnections();
    this.server.close();
  }

  /** A stream to be put among the others; `more` replaces some of its facts. */
  stream(name, more = {}) {
    const id = ++this.#serial;
    const rate = more.rate ?? 1.2e6 + (id % 7) * 7e5;
    const [video, audio] = [CODECS[more.codec ?? "h264"], CODECS[more.sound ?? "aac"]];
    const has = video[0] !== "";
    const path = encodeURIComponent(name);
    const app = more.app ?? "live";
    const stream = {
      id, app, name, rate, seed: id, interval: more.interval ?? 2, viewers: more.viewers ?? (id * 7) % 23, began: Date.now() - 60000 * id, isCorrect: true,
      grace: 0, dropped: more.dropped ?? 0, recorded: 0, picture: has ? 1 : 0, media: (id * 3 + (id >> 3)) % SCENES.length, version: 1, hides: false, ...more.own,
      facts: {
        app, name, uptime_ms: 0, bytes_in: 0, players: 0, hls_viewers: 0,
        video: { codec: video[0], width: has ? 1280 : 0, height: has ? 720 : 0, frame_rate: has ? 30 : 0, key_interval: has ? more.interval ?? 2 : 0, in_hls: video[0].startsWith("H") },
        audio: { codec: audio[0], sample_rate: audio[0] ? 48000 : 0, channels: audio[0] ? 2 : 0, in_hls: audio[0].startsWith("A") },
        codecs: { video: video[1], audio: audio[1] }, rtmp_port: 1935, hls: `/hls/${path}.m3u8`, flv: `/${app}/${path}.flv`,
        base: null, master: null, warnings: [], recordings: [], relays: [], ...more.facts,
      },
      bits: [], pictures: [], keys: [], watching: [],
    };
    const young = more.seconds ?? HISTORY;
    for (let i = -young; i < 0; i++) record(stream, this.#second + i + 1);
    return stream;
  }

  /** So many streams, some of them in states of their own. */
  fill(count) {
    this.streams = [];
    for (let i = 0; i < Math.min(count, MAX_STREAMS); i++) {
      const name = i < NAMES.length ? NAMES[i] : `camera-${String(i + 1).padStart(3, "0")}`;
      this.streams.push(this.stream(name, VARIETY[i] ?? {}));
    }
  }

  /** Gives a stream other facts. */
  change(stream, facts) {
    Object.assign(stream.facts, facts);
    stream.version++;
  }

  #tick() {
    this.#second++;
    for (const stream of this.streams) {
      record(stream, this.#second);
      if (stream.keys.at(-1)) stream.picture++;
      if (stream.grace) stream.grace = Math.max(stream.grace - 1000, 1000);
      if (stream.facts.recordings.some((recording) => recording.state === "recording")) stream.recorded += stream.rate / 8;
    }
    for (const one of this.waiting) one[2] = Math.max(one[2] - 1000, 0);
  }

  #answer(request, response) {
    const url = new URL(request.url, "http://mock");
    this.requests = [...this.requests.slice(-999), request.url];
    if (this.isAway) return request.socket.destroy();
    const path = decodeURIComponent(url.pathname);
    if (path.startsWith("/api/")) return this.#act(request, response, path.slice(5));
    if (path === "/live.json") return this.#json(request, response, () => this.#live(url));
    if (path === "/streams.json") return this.#json(request, response, () => this.#everything(url));
    if (path === "/qr.svg") return send(response, 200, "image/svg+xml", QR);
    const picture = path.match(/^\/thumbnails\/([^/]+)\/(.+)\.mp4$/);
    if (picture) return this.#picture(response, picture);
    const file = join(WEB, path === "/" ? "page.html" : normalize(path));
    if (file.startsWith(WEB) && TYPES[extname(file)]) return serve(response, file);
    send(response, 404, "text/plain", "404");
  }

  #json(request, response, make) {
    const token = request.headers.authorization;
    if (token && token !== `Bearer ${TOKEN}`) return send(response, 401, "application/json", '{"error":"no such token"}');
    if (this.status) return send(response, this.status, "application/json", '{"error":"mock"}');
    this.seesAll = token !== undefined;
    send(response, 200, "application/json", JSON.stringify(make()));
  }

  #seen() {
    return this.streams.filter((stream) => this.seesAll || !stream.hides);
  }

  #live(url) {
    const streams = this.#seen();
    const sum = (of) => streams.reduce((total, stream) => total + of(stream), 0);
    const last = (list) => list.at(-1) ?? 0;
    const family = (one) => `${one.app}/${one.facts.base ?? one.name}`;
    const of = url.searchParams.get("of");
    const wanted = streams.find((one) => of === `${one.app}/${one.name}`);
    const rows = of ? streams.filter((one) => family(one) === (wanted ? family(wanted) : of)) : streams;
    const detail = url.searchParams.has("of") ? { detail: this.#detail(wanted) } : {};
    return {
      server: "Millstream", version: "0.9.0", run: this.run, second: this.#second,
      totals: { bits_in: sum((one) => last(one.bits)), bits_out: sum((one) => last(one.bits) * last(one.watching)), viewers: sum((one) => last(one.watching)), cpu: 0.031 + streams.length / 900, memory: 7340032 + 400000 * streams.length, uptime_ms: this.#second * 1000, streams: streams.length },
      shared: "1",
      streams: rows.map((one) => [one.id, String(one.version), last(one.bits), last(one.pictures), last(one.keys), last(one.watching), one.grace, one.picture, one.dropped, Math.round(one.recorded)]),
      waiting: this.waiting, waiting_total: this.waiting.length, ...detail,
    };
  }

  #detail(stream) {
    if (!stream) return null;
    const viewers = stream.watching.at(-1) ?? 0;
    const split = { "RTMP": 0.1, "HTTP-FLV": 0.2, "WebSocket-FLV": 0.4 };
    const players = Object.entries(split).map(([protocol, part]) => ({ protocol, count: Math.floor(viewers * part) }));
    players.push({ protocol: "HLS", count: viewers - players.reduce((total, one) => total + one.count, 0) });
    const { video, audio, warnings, relays, recordings } = stream.facts;
    const tracks = [video.codec && { kind: "video", number: 0, codec: video.codec }, audio.codec && { kind: "audio", number: 0, codec: audio.codec }].filter(Boolean);
    return {
      of: `${stream.app}/${stream.name}`, id: stream.id, players, tracks, relays, recordings, warnings, dropped: stream.dropped, encoder: "obs-output module (libobs version 30.2.3)",
      key_interval_ms: stream.interval * 1000, audio_lead_ms: -12, bits_in: stream.bits.at(-1), bits_out: stream.bits.at(-1) * viewers, uptime_ms: Date.now() - stream.began,
      events: [{ ago_ms: 41000, text: "a viewer joins over HLS" }, { ago_ms: Date.now() - stream.began, text: "the encoder begins to publish" }],
    };
  }

  #everything(url) {
    const ids = url.searchParams.get("ids")?.split(",").map(Number);
    const streams = this.#seen().filter((stream) => !ids || ids.includes(stream.id));
    return {
      server: "Millstream", version: "0.9.0", run: this.run, shared: "1", second: this.#second, sees_all: this.seesAll, embed: this.embed,
      api: this.hasApi ? { path: "/api/", tokens: this.hasTokens } : null, total: this.#seen().length,
      applications: [{ name: "live", rtmp_port: 1935 }, { name: "church", rtmp_port: 1935 }],
      streams: streams.map((one) => ({
        ...one.facts, id: one.id, facts: String(one.version), uptime_ms: Date.now() - one.began,
        history: { second: this.#second, bits: one.bits, pictures: one.pictures, keys: one.keys, viewers: one.watching },
      })),
      waiting_total: this.waiting.length, waiting: this.waiting.map(([app, name, ends_in_ms]) => ({ app, name, ends_in_ms })),
    };
  }

  #picture(response, [, app, name]) {
    const stream = this.streams.find((one) => one.app === app && one.name === name);
    if (!stream?.picture) return send(response, 404, "text/plain", "404");
    send(response, 200, "video/mp4", this.#media.pictures[stream.media]);
  }

  #act(request, response, path) {
    const may = !this.hasTokens || request.headers.authorization === `Bearer ${TOKEN}`;
    if (!may) return send(response, 401, "application/json", '{"error":"no such token"}');
    if (request.method === "GET") return send(response, 200, "application/json", '{"server":"Millstream","version":"0.9.0","may_act":true,"requests":[]}');
    let body = "";
    request.on("data", (data) => { body = (body + data).slice(0, 65536); });
    request.on("end", () => {
      this.acts = [...this.acts.slice(-99), `${path} ${body}`];
      if (path === "reload") return send(response, 422, "application/json", '{"error":"/etc/millstream.conf:12: unknown directive \\"recrod\\""}');
      send(response, 200, "application/json", "{}");
    });
  }

  /** WebSocket-FLV: the clip again and again, in real time. */
  #play(request, socket) {
    const accept = createHash("sha1").update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
    const path = decodeURIComponent(request.url.split("?")[0]);
    const find = () => this.streams.find((one) => path === `/${one.app}/${one.name}.flv`);
    const isThere = () => !this.isAway && find();
    socket.on("error", () => {});
    if (!isThere()) return socket.end("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
    const { head, tags: all, length } = this.#media.clip;
    const tags = all.filter(({ bytes }) => bytes[0] === AUDIO || find().facts.video.codec);
    socket.write(message(head));
    const [start, ahead] = [Date.now(), 1500];
    let next = 0;
    const timer = setInterval(() => {
      if (!isThere()) return socket.end(Buffer.from([0x88, 0]));
      if (find().grace) return;
      for (;;) {
        const tag = tags[next % tags.length];
        const time = Math.floor(next / tags.length) * length + tag.time;
        if (time > Date.now() - start + ahead) return;
        next++;
        if (!tag.isHeader || next <= tags.length) socket.write(message(retimed(tag.bytes, time)));
      }
    }, 40);
    socket.on("close", () => clearInterval(timer));
  }
}

const VARIETY = {
  1: { interval: 10, facts: { warnings: ["key frames are 10 s apart: viewers of HLS are 30 s behind; set 2 s in the encoder"] } },
  2: { facts: { recordings: [{ recorder: "", file: "Studio 2-20261201.flv", state: "recording", bytes: 0, manual: false }] }, own: { recorded: 7340032 } },
  3: { codec: "hevc", rate: 5.4e6 },
  4: { dropped: 42, viewers: 140, rate: 7.8e6 },
  5: { codec: "none", rate: 128000, sound: "aac" },
  6: { own: { grace: 9000 } },
  7: { codec: "av1", facts: { warnings: ["HLS has no AV1, only the sound: play over RTMP"] } },
};

/** The numbers of one more second. */
function record(stream, second) {
  const wave = Math.sin(second / 9 + stream.seed) * 0.08 + ((second * stream.seed * 7919) % 13) / 130;
  const gone = stream.grace > 0;
  const push = (list, value) => { list.push(value); if (list.length > HISTORY) list.shift(); };
  const rate = stream.facts.video.frame_rate;
  push(stream.bits, gone ? 0 : Math.round(stream.rate * (0.95 + wave)));
  push(stream.pictures, gone ? 0 : rate && rate - ((second * stream.seed) % 17 === 0 ? 2 : 0));
  push(stream.keys, !gone && rate && second % stream.interval === 0 ? 1 : 0);
  push(stream.watching, Math.max(0, stream.viewers + Math.round(Math.sin(second / 25 + stream.seed) * stream.viewers / 6)));
}

function serve(response, file) {
  try {
    response.writeHead(200, { "content-type": TYPES[extname(file)], "cache-control": "no-store", "content-security-policy": POLICY });
    response.end(readFileSync(file));
  } catch {
    send(response, 404, "text/plain", "404");
  }
}

function send(response, status, type, body) {
  if (!response.headersSent) response.writeHead(status, { "content-type": type, "cache-control": "no-store" });
  response.end(body);
}

/** A frame of WebSocket with bytes. */
function message(bytes) {
  const head = bytes.length < 126 ? Buffer.from([0x82, bytes.length]) : Buffer.alloc(bytes.length < 65536 ? 4 : 10, 0);
  if (bytes.length >= 126) {
    head[0] = 0x82;
    head[1] = bytes.length < 65536 ? 126 : 127;
    if (bytes.length < 65536) head.writeUInt16BE(bytes.length, 2);
    else head.writeBigUInt64BE(BigInt(bytes.length), 2);
  }
  return Buffer.concat([head, bytes]);
}

function retimed(bytes, time) {
  const copy = Buffer.from(bytes);
  copy.writeUIntBE(time & 0xffffff, 4, 3);
  copy[7] = (time >>> 24) & 0xff;
  return copy;
}

/** A picture of each scene, and a clip of four seconds that pans over one. */
function makeMedia() {
  const folder = mkdtempSync(join(tmpdir(), "millstream-mock-"));
  const encode = ["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p"];
  const ffmpeg = (i, width, ...words) => {
    const raw = ["-f", "rawvideo", "-pixel_format", "rgb24", "-video_size", `${width}x${HEIGHT}`, "-framerate", "25", "-i", "-"];
    execFileSync("ffmpeg", ["-v", "error", "-y", ...raw, ...words], { cwd: folder, input: landscape(i, width) });
  };
  try {
    const pictures = SCENES.map((_, i) => {
      ffmpeg(i, 640, ...encode, "-movflags", "frag_keyframe+empty_moov+default_base_moof", "picture.mp4");
      return readFileSync(join(folder, "picture.mp4"));
    });
    ffmpeg(0, 800, "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000", "-t", 4, "-vf", "loop=-1:1,crop=640:360:x=20*t:y=0",
      ...encode, "-bf", 0, "-g", 50, "-c:a", "aac", "-f", "flv", "-flvflags", "no_duration_filesize", "clip.flv");
    return { pictures, clip: readClip(readFileSync(join(folder, "clip.flv"))) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Two lines of hills below a sky with a sun, as RGB. */
function landscape(i, width) {
  const [above, below, hills] = SCENES[i];
  const mix = (a, b, part) => a.map((value, k) => value + (b[k] - value) * part);
  const line = (x, height, slope, phase) => height + slope * Math.sin(x / (95 + 17 * i) + phase) + (slope / 2) * Math.sin(x / (31 + 5 * i) + phase);
  const pixels = Buffer.alloc(width * HEIGHT * 3);
  for (let x = 0; x < width; x++) {
    const [near, far] = [line(x, 270, 24, i), line(x, 215, 34, 2 * i)];
    for (let y = 0; y < HEIGHT; y++) {
      const sun = Math.min(Math.max(Math.hypot(x - 120 - 57 * i, y - 90 - 13 * (i % 4)) - 27, 0), 1);
      const sky = mix([255, 250, 225], mix(above, below, Math.min(y / 250, 1)), sun);
      pixels.set(y > near ? hills : y > far ? mix(hills, below, 0.45) : sky, (y * width + x) * 3);
    }
  }
  return pixels;
}

function readClip(flv) {
  const tags = [];
  for (let at = 13; at + 15 <= flv.length;) {
    const size = flv.readUIntBE(at + 1, 3);
    const bytes = flv.subarray(at, at + 11 + size + 4);
    const kind = flv[at];
    tags.push({ bytes, time: flv.readUIntBE(at + 4, 3) + flv[at + 7] * 0x1000000, isHeader: kind === 18 || flv[at + 12] === 0 || (kind === 9 && flv[at + 12] === 2) });
    at += bytes.length;
  }
  return { head: flv.subarray(0, 13), tags: tags.filter((tag) => !(tag.bytes[0] === 9 && tag.bytes[12] === 2)), length: 4000 };
}

const QR = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 29 29"><path fill="#fff" d="M0 0h29v29H0z"/><path d="' +
  Array.from({ length: 441 }, (_, i) => ((i * i * 7 + i * 3) % 5 < 2 ? `M${4 + (i % 21)} ${4 + Math.floor(i / 21)}h1v1h-1z` : "")).join("") + '"/></svg>';

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const mock = new MockServer();
  mock.fill(Number(process.argv[3] ?? 8));
  console.log(await mock.listen(Number(process.argv[2] ?? 0)));
  process.on("SIGTERM", () => process.exit(0));
}
