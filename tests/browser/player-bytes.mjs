// The parsers of the player, with streams that are cut everywhere, and with bytes that are no stream: they take what is
// whole, throw nothing but an Error that says why, and keep no more than a tag.
//
// usage: node player-bytes.mjs FILE.flv FILE.ts

import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const ROUNDS = 300;
const FLIPS = 20;
const MAX_CONFIG = 4096;

globalThis.self = {};
// Node has to be told that they are modules.
const folder = mkdtempSync(join(tmpdir(), "millstream-player-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
cpSync(new URL("../../src/modules/page/web/player/", import.meta.url), folder, { recursive: true });
writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
const load = (name) => import(pathToFileURL(join(folder, name)));
const { FlvReader } = await load("flv.js");
const { TsReader } = await load("ts.js");
const { describe } = await load("codecs.js");
const { Track, initSegment } = await load("mp4.js");

const [flv, ts] = process.argv.slice(2, 4).map((path) => new Uint8Array(readFileSync(path)));
let seed = 1;
const random = (below) => ((seed = (seed * 48271) % 0x7fffffff), seed % below);

/** What a reader says of bytes in pieces: its headers, the sum of its frames, and the MP4 that is made of them. */
function read(Reader, pieces) {
  const seen = { headers: [], frames: 0, bytes: 0, mp4: 0 };
  const tracks = {};
  const reader = new Reader({
    tracks() {},
    size() {},
    header(header) {
      seen.headers.push(`${header.codec} ${header.config.slice(0, MAX_CONFIG).join()}`);
      const description = describe(header, { width: 16, height: 16 });
      if (!description) return;
      seen.mp4 += initSegment(description)?.length ?? 0;
      tracks[header.kind] = new Track(description);
    },
    frame(frame) {
      seen.frames++;
      seen.bytes += frame.data.length;
      tracks[frame.kind]?.add(frame, frame.time);
      seen.mp4 += tracks[frame.kind]?.take()?.length ?? 0;
    },
  });
  for (const piece of pieces) reader.push(piece);
  return seen;
}

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

function fail(text) {
  console.error(text);
  process.exit(1);
}

/** Bytes in which some are others. */
function broken(bytes) {
  const copy = bytes.slice(0, Math.min(bytes.length, 60000));
  for (let i = 0; i < FLIPS; i++) copy[random(random(2) ? copy.length : 2000)] = random(256);
  return copy;
}

/** Reads what may be anything. */
function survive(Reader, bytes) {
  try {
    return read(Reader, [bytes]).frames;
  } catch (error) {
    if (error.constructor !== Error) fail(`${Reader.name}: ${error.stack}`);
    return 0;
  }
}

const whole = read(FlvReader, [flv]);
if (whole.frames < 100 || whole.mp4 < whole.bytes) fail(`of ${process.argv[2]}: ${whole.frames} frames, ${whole.mp4} bytes of MP4`);
const head = flv.subarray(0, 6000);
const begin = read(FlvReader, [head]);
for (let at = 1; at < head.length; at++) {
  if (!same(read(FlvReader, [head.subarray(0, at), head.subarray(at)]), begin)) fail(`FLV cut at ${at} is read otherwise`);
}
if (!same(read(FlvReader, [...head].map((byte) => Uint8Array.of(byte))), begin)) fail("FLV byte by byte is read otherwise");
const segment = read(TsReader, [ts]);
if (segment.frames < 100 || segment.headers.length < 2) fail(`of ${process.argv[3]}: ${segment.frames} frames`);
let frames = 0;
for (let round = 0; round < ROUNDS; round++) {
  frames += survive(FlvReader, broken(flv)) + survive(TsReader, broken(ts));
  const noise = Uint8Array.from({ length: 2000 }, () => random(256));
  noise.set([0x46, 0x4c, 0x56, 1, 5, 0, 0, 0, 9]);
  frames += survive(FlvReader, noise);
  for (let at = 0; at < noise.length; at += 188) noise[at] = 0x47;
  frames += survive(TsReader, noise.subarray(0, 1880));
}
console.log(`${whole.frames} frames of FLV, ${segment.frames} of MPEG-TS; ${frames} of ${4 * ROUNDS} broken streams`);
