// Small plots of the last minute: the newest second is at the right.

import { HISTORY } from "./data.js";

let colours = null;
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { colours = null; });

/** Reading sizes while drawing would lay out the page for each of a hundred plots. */
const sizes = new WeakMap();
const watcher = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) {
    const scale = devicePixelRatio;
    [target.width, target.height] = [Math.round(contentRect.width * scale), Math.round(contentRect.height * scale)];
    sizes.set(target, scale);
    target.redraw?.();
  }
});

/** From now on, `draw(canvas)` is called when the canvas has another size; and by whoever has new numbers. */
export function prepare(canvas, redraw) {
  canvas.redraw = redraw;
  watcher.observe(canvas);
}

/** The bit rate as an area, the frame rate as a line above it, key frames as marks below. */
export function drawRates(canvas, { bits, pictures, keys }) {
  draw(canvas, (lane) => {
    lane.area(bits, 0.34, 0.9);
    lane.line(pictures, 0.04, 0.26);
    lane.marks(keys);
  });
}

export function drawViewers(canvas, { viewers }) {
  draw(canvas, (lane) => lane.area(viewers, 0.1, 1));
}

function draw(canvas, paint) {
  const scale = sizes.get(canvas);
  if (!scale) return;
  const style = getComputedStyle(document.documentElement);
  colours ??= Object.fromEntries(["accent", "soft", "text"].map((name) => [name, style.getPropertyValue(`--${name}`)]));
  const { width, height } = canvas;
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, width, height);
  const trace = (values, top, bottom) => {
    const [most, step] = [Math.max(...values, 1) * 1.05, width / HISTORY];
    context.beginPath();
    values.forEach((value, i) => {
      const y = height * (bottom - (value / most) * (bottom - top));
      const x = width - (values.length - i) * step;
      context.lineTo(x, y);
      context.lineTo(x + step, y);
    });
    return width - values.length * step;
  };
  const stroke = (colour, thickness) => {
    [context.strokeStyle, context.lineWidth] = [colour, thickness * scale];
    context.stroke();
  };
  paint({
    area(values, top, bottom) {
      const left = trace(values, top, bottom);
      stroke(colours.accent, 1.5);
      context.lineTo(width, height * bottom);
      context.lineTo(left, height * bottom);
      [context.fillStyle, context.globalAlpha] = [colours.accent, 0.16];
      context.fill();
      context.globalAlpha = 1;
    },
    line(values, top, bottom) {
      trace(values, top, bottom);
      stroke(colours.soft, 1);
    },
    marks(values) {
      const step = width / HISTORY;
      context.fillStyle = colours.text;
      values.forEach((count, i) => {
        if (count) context.fillRect(width - (values.length - i - 0.5) * step, height * 0.93, Math.max(1.5 * scale, 1), height * 0.07);
      });
    },
  });
}
