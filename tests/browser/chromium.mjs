// Starts Chromium, watches a <video> in it for some seconds, and judges what it saw. SCREENSHOT=folder keeps a picture of
// its end.

import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, delimiter, join } from "node:path";
import puppeteer from "puppeteer-core";

const SECONDS = 8; // to watch, if it is not said
const FRAME_RATE = 25; // of the clip that scripts/interop publishes
export const AMPLE = 1; // seconds ahead; with less, a player that falls behind may have waited for data
const SLOWEST = 0.75; // of the speed that a player with that much ahead may fall to: its machine is busy
const MAY_WAIT = 0.5; // of the time that it is watched, if it has no more than tenths of a second ahead: the machine may be busy
const BOTH = ["video", "audio"];
export const SLOW_RATE = 2; // pictures a second; fewer come seldom
const DECODED_AHEAD = 4; // pictures that Chromium wants before it begins
const LAST = 9; // seconds in which it must go on, where the encoder is stopped and started meanwhile
const WAIT = 4; // of them that it may wait: it has nothing in reserve then, and asks for a fragment up to 3 s after its end
const START_MS = 30000;
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-dev-shm-usage",
  "--disable-quic",
  "--disable-sync",
  "--disable-background-networking",
  "--disable-component-update",
  "--no-first-run",
  "--autoplay-policy=no-user-gesture-required",
];

/**
 * The arguments of every test: the server's address, ending with "/", the stream's name, how long to watch it, whether
 * the server restarts or the encoder is stopped and started meanwhile, and how many pictures a second there are.
 */
export function target() {
  const [base, stream, seconds = SECONDS, ...options] = process.argv.slice(2);
  if (!base || !stream || base.startsWith("-")) {
    console.error("usage: node TEST.mjs http://HOST:PORT/ STREAM [SECONDS [restarts|stops] [rate=PICTURES]]");
    process.exit(2);
  }
  const rate = options.find((option) => option.startsWith("rate="))?.slice("rate=".length) ?? FRAME_RATE;
  return {
    base, stream, playlist: `${base}hls/${stream}.m3u8`, seconds: Number(seconds), rate: Number(rate),
    restarts: options.includes("restarts"), stops: options.includes("stops"),
  };
}

/**
 * Runs a test in a page of a fresh browser; what it returns is printed, what it throws fails it, and so does what the page
 * writes to the console, unless `expected` matches it.
 */
export async function inChromium(test, expected = /^$/) {
  const userDataDir = mkdtempSync(join(tmpdir(), "millstream-chromium-"));
  let browser;
  try {
    browser = await puppeteer.launch({ executablePath: findChromium(), headless: true, args: FLAGS, userDataDir });
    const page = await browser.newPage();
    await page.setViewport({ width: 1100, height: 900 });
    const faults = [];
    page.on("pageerror", (error) => faults.push(`script: ${error.message}`));
    // A document that is no page names no icon, so Chromium looks for one.
    const isExpected = (message) => expected.test(message.text()) || message.location().url?.endsWith("/favicon.ico");
    page.on("console", (message) => message.type() === "error" && !isExpected(message) && faults.push(`console: ${message.text()}`));
    const note = await test(page).finally(() => keepPicture(page));
    if (faults.length) throw new Error(faults.join("; "));
    console.log(note);
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  } finally {
    await browser?.close();
    rmSync(userDataDir, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function keepPicture(page) {
  const [script, , stream = "end"] = process.argv.slice(1);
  const name = `${basename(script, ".mjs")}.${stream}.png`;
  if (process.env.SCREENSHOT) await page.screenshot({ path: join(process.env.SCREENSHOT, name) });
}

function findChromium() {
  const folders = (process.env.PATH ?? "").split(delimiter);
  for (const path of folders.map((folder) => join(folder, "chromium"))) {
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // The next one.
    }
  }
  throw new Error("chromium is not in PATH");
}

/**
 * Waits until the page's <video> plays, watches it, and throws unless all was well, or with `stops`, unless it goes on in
 * the end. Returns what it saw.
 */
export async function watch(page, seconds = SECONDS, rate = FRAME_RATE, stops = false) {
  await begin(page, "video");
  if (stops) console.log("it plays");
  const seen = await page.evaluate(measure, seconds, AMPLE, "video");
  return stops ? judgeEnd(seen) : judge(seen, rate, BOTH);
}

/** The same for one <video> of several, which need not have picture and sound, and may wait, with little ahead. */
export async function watchOne(page, selector, seconds, wanted) {
  await begin(page, selector);
  const seen = await page.evaluate(measure, seconds, AMPLE, selector);
  seen.stalls = seen.stalls.filter((stall) => !stall.startsWith("waiting"));
  return judge(seen, FRAME_RATE, wanted, seconds * MAY_WAIT);
}

async function begin(page, selector) {
  await page.waitForFunction(
    (selector) => {
      const video = document.querySelector(selector);
      // The first second may be rough: decoders start, the first fragments come in a row.
      return video?.error || (video?.readyState >= 3 && video.currentTime - (video.begin ??= video.currentTime) > 1);
    },
    { timeout: START_MS, polling: 100 },
    selector,
  ).catch(() => { throw new Error("the video does not begin to play"); });
}

/** Runs in the page: how far everything gets in so many seconds. */
async function measure(seconds, ample, selector) {
  const video = document.querySelector(selector);
  const stalls = [];
  for (const name of ["error", "waiting", "ended", "pause"]) {
    video.addEventListener(name, () => {
      // With so much to play, what it waits for is its own decoder, on a busy machine.
      const isBusy = name === "waiting" && ahead() > ample;
      if (!isBusy) stalls.push(`${name} at ${video.currentTime.toFixed(2)} s`);
    });
  }
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [160, 90];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const pixels = () => {
    context.drawImage(video, 0, 0, 160, 90);
    return context.getImageData(0, 0, 160, 90).data;
  };
  const look = () => {
    const quality = video.getVideoPlaybackQuality();
    return {
      wall: performance.now() / 1000,
      media: video.currentTime,
      frames: quality.totalVideoFrames,
      dropped: quality.droppedVideoFrames,
      audio: video.webkitAudioDecodedByteCount,
    };
  };
  /** The seconds that it could go on without the server; less than nothing in a hole, up to what follows. */
  const ahead = () => {
    const { buffered, currentTime: now } = video;
    for (let i = 0; i < buffered.length; i++) {
      if (now < buffered.start(i)) return now - buffered.start(i);
      if (now < buffered.end(i)) return buffered.end(i) - now;
    }
    return 0;
  };
  const before = look();
  let [picture, frozen, least] = [pixels(), 0, ahead()];
  const looks = [];
  for (let second = 0; second < seconds; second++) {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const next = pixels();
    const isFrozen = !next.some((value, i) => Math.abs(value - picture[i]) > 16);
    if (isFrozen) frozen++;
    picture = next;
    looks.push({ media: video.currentTime, isFrozen });
    least = Math.min(least, ahead());
  }
  const after = look();
  const gain = (name) => after[name] - before[name];
  return {
    wall: gain("wall"), media: gain("media"), frames: gain("frames"), dropped: gain("dropped"), audio: gain("audio"),
    frozen, least, looks,
    size: `${video.videoWidth}x${video.videoHeight}`,
    error: video.error && `${video.error.code} ${video.error.message}`,
    stalls,
  };
}

function judge(seen, rate, wanted, wait = 0) {
  const note =
    `${seen.media.toFixed(2)} s of ${seen.size} in ${seen.wall.toFixed(2)} s, ` +
    `${seen.frames} frames, ${seen.dropped} dropped, ${seen.audio} bytes of audio, ` +
    `at least ${seen.least.toFixed(1)} s ahead`;
  const faults = [];
  if (seen.error) faults.push(`error ${seen.error}`);
  if (seen.stalls.length) faults.push(seen.stalls.join(", "));
  const slack = wait || Math.max(0.5, seen.wall / 20);
  // How fast it goes while it has enough is its own affair, within reason. It skips nothing.
  const slowest = seen.least > AMPLE ? seen.wall * SLOWEST : seen.wall - slack;
  if (seen.least === 0 && !wait) faults.push("it had nothing to play");
  if (seen.least < 0) faults.push("it was in a hole");
  if (seen.media < slowest) faults.push("it falls behind");
  if (seen.media > seen.wall + slack) faults.push("it skips");
  if (wanted.includes("audio") !== seen.audio > 0) faults.push(seen.audio > 0 ? "audio was decoded" : "no audio was decoded");
  if (wanted.includes("video")) judgePictures(seen, rate, slack, faults, wait);
  else if (seen.frames) faults.push("video was decoded");
  if (faults.length) throw new Error(`${faults.join("; ")} (${note})`);
  return note;
}

function judgePictures(seen, rate, slack, faults, wait) {
  // Of slow pictures, some have been decoded before it looked.
  const decoded = rate > SLOW_RATE ? 0 : DECODED_AHEAD;
  if (seen.frames < (seen.media - slack) * rate - decoded) faults.push("too few frames");
  // None on a quiet machine; software decoding on a busy one drops a few.
  if (!wait && seen.dropped > Math.max(1, seen.frames / 10)) faults.push("too many frames dropped");
  // Slow pictures change seldom, and the page looks about as often as they do.
  const stands = rate > SLOW_RATE ? 0 : seen.looks.length - Math.floor(seen.media * rate / 2);
  if (seen.frozen > stands + Math.ceil(wait)) faults.push(`the video stood still for ${seen.frozen} s`);
}

/** It has gone on in the last seconds, whatever it waited for before. */
function judgeEnd(seen) {
  const last = seen.looks.slice(-LAST - 1);
  const shown = last.at(-1).media - last[0].media;
  const frozen = last.slice(1).filter((look) => look.isFrozen).length;
  const note = `${seen.media.toFixed(2)} s in ${seen.wall.toFixed(2)} s, ${shown.toFixed(2)} s of the last ${LAST}; ` +
    (seen.stalls.join(", ") || "no stall");
  const isFault = (stall) => /^(error|ended|pause)/.test(stall);
  if (seen.error || seen.stalls.some(isFault) || shown < LAST - WAIT || frozen > WAIT) {
    throw new Error(`it does not go on by itself (${note}; error ${seen.error}; the video stood still for ${frozen} s)`);
  }
  return note;
}
