// Draws the pictures of the last key frames, one after the other through one <video>, and only those in sight: as much waits
// as there are canvases in sight.

import { headers, pathOf } from "./data.js";

const EVERY_MS = matchMedia("(prefers-reduced-motion: reduce)").matches ? 60000 : 4000; // for each canvas
const PAUSE_MS = 80;
const PATIENCE_MS = 5000;
const MAX_RATIO = 2; // of height to width: a publisher may name any size

const wanted = new Map(); // canvas -> stream
const drawn = new WeakMap(); // canvas -> { id, picture, at }
const video = Object.assign(document.createElement("video"), { muted: true, preload: "auto" });
const pause = () => new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
let isBusy = false;

/** Draws the stream's picture on this canvas, unless it is there. */
export function want(canvas, stream) {
  const last = drawn.get(canvas);
  if (last && last.id !== stream.id && !stream.ended && !stream.picture) clear(canvas);
  const isSame = last?.id === stream.id && (last.picture === stream.picture || performance.now() - last.at < EVERY_MS);
  if (!stream.picture || stream.ended || isSame) return;
  wanted.set(canvas, stream);
  work();
}

export const forget = (canvas) => wanted.delete(canvas);

/** It is for another stream from now on. */
export function clear(canvas) {
  wanted.delete(canvas);
  drawn.delete(canvas);
  canvas.getContext("2d", { willReadFrequently: true }).clearRect(0, 0, canvas.width, canvas.height);
  canvas.parentElement.classList.remove("drawn");
}

async function work() {
  if (isBusy) return;
  isBusy = true;
  for (const [canvas, stream] of wanted) {
    wanted.delete(canvas);
    drawn.set(canvas, { id: stream.id, picture: stream.picture, at: performance.now() });
    await show(canvas, stream).catch(() => {}); // the old one stays
    await pause();
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
      signal.onabort = reject;
      [video.oncanplay, video.onerror, video.src] = [resolve, reject, url];
    });
    await paint(canvas, () => drawn.get(canvas)?.id === stream.id);
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** Now and then the first picture is there only a moment later, when the canvas may be for another stream. */
async function paint(canvas, isFor) {
  const { videoWidth, videoHeight } = video;
  const height = Math.max(1, Math.round(Math.min((canvas.width * videoHeight) / videoWidth, MAX_RATIO * canvas.width)));
  const width = Math.max(1, Math.min((height * videoWidth) / videoHeight, canvas.width));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  for (let tries = 0; tries < 10 && isFor(); tries++) {
    if (canvas.height !== height) canvas.height = height;
    context.clearRect(0, 0, canvas.width, height);
    context.drawImage(video, (canvas.width - width) / 2, 0, width, height);
    const [, , , alpha] = context.getImageData(canvas.width / 2, height / 2, 1, 1).data;
    if (alpha > 0) return canvas.parentElement.classList.add("drawn");
    await pause();
  }
}
