// Players of FLV, over HTTP or WebSocket, all in one page. They ask for their streams before anybody publishes them. Prints
// a line for each: its name, "PASS" or "FAIL", and what was seen.

import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { inChromium, watchOne } from "./chromium.mjs";

const BEGUN_MS = 30000; // until the streams begin
const LOOK_MS = 50;
const LATE_MS = 3000; // after them, a player of which the delay is measured
const SETTLED_MS = 4000; // that it has to catch up
const DELAY = 1.5; // seconds from the publisher to the screen, at most
const CELLS = 16; // squares in the corner of a picture that are the bits of its number, see flv_pages.py
const CELL = 8; // pixels
const RATE = 25; // pictures a second

/**
 * The arguments: where streams are, as `ws://HOST:PORT/live/`; a file, which exists when the streams begin, with that
 * time; seconds to watch; and for each stream its name and what is in it: video, audio, `parsed` for what Chromium cannot
 * decode, `clock` for pictures that tell their time, `late` for one track that comes late.
 */
function target() {
  const [base, begun, seconds, ...streams] = process.argv.slice(2);
  if (streams.length === 0) {
    console.error("usage: node TEST.mjs ws://HOST:PORT/APP/ FILE SECONDS STREAM=video[,audio]|parsed|clock|late...");
    process.exit(2);
  }
  const split = (text) => [text.slice(0, text.lastIndexOf("=")), text.slice(text.lastIndexOf("=") + 1).split(",")];
  return { base, begun, seconds: Number(seconds), streams: streams.map(split) };
}

/** Runs a test with the library of this file, which calls itself so, in a page of another origin, as a site of its own would. */
export async function play(file, library) {
  const script = readFileSync(new URL(`node_modules/${file}`, import.meta.url));
  const html = `<!doctype html><title>${file}</title><link rel="icon" href="data:,"><body><script src="/script"></script>`;
  const server = createServer((request, response) => {
    const [type, body] = request.url === "/script" ? ["text/javascript", script] : ["text/html", html];
    response.writeHead(200, { "content-type": type }).end(body);
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  await playIn(async (page, base) => {
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
    return { begin: (names, config = {}) => page.evaluate(start, library, base, names, config), judges: JUDGES };
  });
  server.closeAllConnections();
  server.close();
}

const JUDGES = { clock: judgeDelay, parsed: knows, late: beginAnew };

/**
 * Runs a test in a page that `open` opens. It returns how players for these streams begin, and who judges what is more than
 * pictures and sound.
 */
export async function playIn(open) {
  const { base, begun, seconds, streams } = target();
  await inChromium(async (page) => {
    const run = { page, seconds, ...await open(page, base) };
    const early = streams.filter(([, wanted]) => !wanted.includes("clock"));
    await run.begin(early.map(([name]) => name));
    console.log("ready");
    run.beginning = await begins(begun);
    const judged = streams.map(async ([name, wanted]) => {
      const note = await judge(run, name, wanted).then((note) => `PASS ${note}`, (error) => `FAIL ${error.message}`);
      console.log(`${name}: ${note}`);
    });
    await Promise.all(judged);
    return "done";
  });
}

/** When the streams began, in milliseconds. */
async function begins(file) {
  const deadline = Date.now() + BEGUN_MS;
  while (!existsSync(file)) {
    if (Date.now() > deadline) throw new Error("no stream begins");
    await sleep(LOOK_MS);
  }
  return Number(readFileSync(file, "utf8")) * 1000;
}

async function judge(run, name, wanted) {
  const special = run.judges[wanted[0]];
  const judged = special ? special(run, name) : watchFor(run, name, wanted);
  const note = await judged.then((note) => ({ note }), (error) => ({ note: error.message, failed: true }));
  const faults = await run.page.evaluate((name) => window.players.get(name).faults, name);
  // Chromium has no decoder for it; the library has read it.
  const expected = (fault) => wanted.includes("parsed") && /addSourceBuffer.* is unsupported/.test(fault);
  const unexpected = faults.filter((fault) => !expected(fault));
  if (note.failed || unexpected.length) throw new Error(`${note.note}; ${unexpected.slice(0, 3).join(", ") || "no error"}`);
  return note.note;
}

/** Whether a stream plays, with these tracks. */
export function watchFor({ page, seconds }, name, tracks) {
  return watchOne(page, `[id="${name}"]`, seconds, tracks);
}

/** What the library says of a stream that it has read the headers of. */
async function knows({ page }, name) {
  await page.waitForFunction((name) => window.players.get(name).info, { timeout: BEGUN_MS, polling: LOOK_MS }, name)
    .catch(() => { throw new Error("its header has not arrived"); });
  return page.evaluate((name) => window.players.get(name).info, name);
}

/** A player that was not told of a track which has come since: its response ends, and the page asks for the stream again. */
async function beginAnew(run, name) {
  const { page } = run;
  await page.waitForFunction((name) => window.players.get(name).isOver, { timeout: BEGUN_MS, polling: LOOK_MS }, name)
    .catch(() => { throw new Error("its response does not end when the other track has come"); });
  const seen = await page.evaluate((name) => {
    const { player, faults } = window.players.get(name);
    const video = document.getElementById(name);
    const played = video.currentTime;
    player.destroy();
    video.remove();
    return { played, faults };
  }, name);
  if (!(seen.played > 1) || seen.faults.length) {
    throw new Error(`${seen.played.toFixed(2)} s before the other track; ${seen.faults.join(", ") || "no error"}`);
  }
  await run.begin([name]);
  return watchFor(run, name, ["video", "audio"]);
}

/** The delay of a player that comes late, and catches up as it can. */
export async function judgeDelay({ page, begin, beginning }, name) {
  await sleep(Math.max(0, beginning + LATE_MS - Date.now()));
  await begin([name], { liveSync: true });
  await sleep(SETTLED_MS);
  const delays = await page.evaluate(readClock, name, beginning, CELLS, CELL, RATE);
  if (delays.length < RATE) throw new Error(`${delays.length} pictures`);
  delays.sort((a, b) => a - b);
  const [median, most] = [delays[delays.length >> 1], delays.at(-1)];
  const note = `${median.toFixed(2)} s from the publisher to the screen, at most ${most.toFixed(2)} s`;
  if (median > DELAY) throw new Error(note);
  return note;
}

/** Runs in the page: starts a player for each stream. */
function start(library, base, names, config) {
  window.players ??= new Map();
  const { createPlayer, Events, LoggingControl } = window[library];
  LoggingControl.enableAll = false;
  for (const name of names) {
    const video = document.createElement("video");
    [video.id, video.muted] = [name, true];
    document.body.append(video);
    const options = { enableStashBuffer: false, ...config };
    const player = createPlayer({ type: "flv", isLive: true, url: `${base}${encodeURIComponent(name)}.flv` }, options);
    const seen = { player, faults: [], info: null };
    window.players.set(name, seen);
    player.on(Events.ERROR, (type, detail, info) => {
      seen.faults.push(`${[type, detail, info?.msg].join(", ")} at ${video.currentTime.toFixed(2)} s`);
    });
    player.on(Events.LOADING_COMPLETE, () => { seen.isOver = true; });
    player.on(Events.MEDIA_INFO, (info) => { seen.info = `${info.mimeType}, ${info.width}x${info.height}`; });
    player.attachMediaElement(video);
    player.load();
    player.play()?.catch(() => {});
  }
}

/** Runs in the page: how old each picture of some seconds is when it is shown. */
async function readClock(name, beginning, cells, cell, rate) {
  const video = document.getElementById(name);
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [cells * cell, cell];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const delays = [];
  const end = performance.now() + 3000;
  while (performance.now() < end) {
    const isShown = new Promise((resolve) => video.requestVideoFrameCallback(() => resolve(true)));
    const isLate = new Promise((resolve) => setTimeout(resolve, 1000, false));
    if (!await Promise.race([isShown, isLate])) continue;
    context.drawImage(video, 0, 0, cells * cell, cell, 0, 0, cells * cell, cell);
    const pixels = context.getImageData(0, cell / 2, cells * cell, 1).data;
    let number = 0;
    for (let bit = 0; bit < cells; bit++) {
      if (pixels[4 * (bit * cell + cell / 2)] > 128) number += 2 ** bit;
    }
    delays.push((Date.now() - beginning) / 1000 - number / rate);
  }
  return delays;
}
