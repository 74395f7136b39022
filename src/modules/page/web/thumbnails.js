// Draws the pictures of the last key frames, one after the other through one hidden <video>, and only those in sight.

import { headers, pathOf } from "./data.js";

const EVERY_MS = matchMedia("(prefers-reduced-motion: reduce)").matches ? 60000 : 4000; // for each card
const PAUSE_MS = 80;
const PATIENCE_MS = 5000;

const wanted = new Map(); // canvas -> stream
const drawn = new WeakMap(); // canvas -> { picture, at }
const video = Object.assign(document.createElement("video"), { muted: true, preload: "auto" });
let isBusy = false;

/** Asks for the stream's picture on this canvas, unless it is there. */
export function want(canvas, stream) {
  if (!stream.picture) return;
  const last = drawn.get(canvas);
  const isOld = !last || last.id !== stream.id || (last.picture !== stream.picture && performance.now() - last.at > EVERY_MS);
  if (!isOld) return;
  wanted.set(canvas, stream);
  work();
}

export const forget = (canvas) => wanted.delete(canvas);

async function work() {
  if (isBusy) return;
  isBusy = true;
  for (const [canvas, stream] of wanted) {
    wanted.delete(canvas);
    drawn.set(canvas, { id: stream.id, picture: stream.picture, at: performance.now() });
    await show(canvas, stream).catch(() => {}); // it stays as it is, until the next one
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  isBusy = false;
}

async function show(canvas, stream) {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const response = await fetch(`thumbnails/${pathOf(stream)}.mp4?v=${stream.picture}`, { headers: headers(), signal });
  if (!response.ok) return;
  const url = URL.createObjectURL(await response.blob());
  try {
    await new Promise((resolve, reject) => {
      signal.addEventListener("abort", reject);
      [video.onloadeddata, video.onerror, video.src] = [resolve, reject, url];
    });
    paint(canvas);
  } finally {
    video.removeAttribute("src");
    URL.revokeObjectURL(url);
  }
}

function paint(canvas) {
  const { videoWidth, videoHeight } = video;
  const { width, height } = canvas;
  const scale = Math.min(width / videoWidth, height / videoHeight);
  const [w, h] = [videoWidth * scale, videoHeight * scale];
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, width, height);
  context.drawImage(video, (width - w) / 2, (height - h) / 2, w, h);
  canvas.parentElement.classList.add("drawn");
}
