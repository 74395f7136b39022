// Small plots of the last minute: the newest second is at the right.

import { HISTORY } from "./data.js";

let colours = null;
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { colours = null; });

/** To read the size of each of a hundred plots while they are drawn would cost a layout of the page. */
const observer = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) {
    target.width = contentRect.width * devicePixelRatio;
    target.height = contentRect.height * devicePixelRatio;
    target.redraw();
  }
});

/** `redraw` is called when the canvas has got a size; and by whoever has new numbers. */
export function prepare(canvas, redraw) {
  canvas.redraw = redraw;
  observer.observe(canvas);
}

export const release = (canvas) => observer.unobserve(canvas);

/** The bit rate as an area, the frame rate as a line above it, key frames as marks below. */
export function drawRates(canvas, { bits, pictures, keys }) {
  const context = begin(canvas);
  trace(context, bits, 0.34, 0.9, true);
  if (pictures.some(Boolean)) trace(context, pictures, 0.04, 0.26, false);
  const { width, height } = canvas;
  context.fillStyle = colours.text;
  keys.forEach((count, i) => {
    if (count) context.fillRect(width * (1 - (keys.length - i - 0.5) / HISTORY), height * 0.93, 1.5 * devicePixelRatio, height);
  });
}

export function drawViewers(canvas, { viewers }) {
  trace(begin(canvas), viewers, 0.1, 1, true);
}

function begin(canvas) {
  const style = getComputedStyle(document.documentElement);
  colours ??= Object.fromEntries(["accent", "soft", "text"].map((name) => [name, style.getPropertyValue(`--${name}`)]));
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  return context;
}

function trace(context, values, top, bottom, isArea) {
  const { width, height } = context.canvas;
  const most = Math.max(...values, 1) * 1.05;
  const x = (i) => width * (1 - (values.length - i) / HISTORY);
  context.beginPath();
  values.forEach((value, i) => {
    const y = height * (bottom - (value / most) * (bottom - top));
    context.lineTo(x(i), y);
    context.lineTo(x(i + 1), y);
  });
  context.strokeStyle = isArea ? colours.accent : colours.soft;
  context.lineWidth = (isArea ? 1.5 : 1) * devicePixelRatio;
  context.stroke();
  if (!isArea) return;
  context.lineTo(width, height * bottom);
  context.lineTo(x(0), height * bottom);
  context.fillStyle = colours.accent;
  context.globalAlpha = 0.16;
  context.fill();
  context.globalAlpha = 1;
}
