// Chromium's own <video> plays the playlist.

import { inChromium, target, watch } from "./chromium.mjs";

const { base, playlist, seconds, rate, stops } = target();

await inChromium(async (page) => {
  // Any document of the same origin will do; a canvas may not look into another's picture.
  await page.goto(`${base}streams.json`);
  await page.evaluate((url) => {
    const video = document.createElement("video");
    document.body.replaceChildren(video);
    video.src = url;
    video.play().catch(() => {});
  }, playlist);
  return watch(page, seconds, rate, stops);
});
