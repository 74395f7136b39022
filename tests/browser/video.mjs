// Chromium's own <video> plays the playlist.

import { inChromium, target, watch } from "./chromium.mjs";

const { base, playlist, seconds, rate, stops } = target();

await inChromium(async (page) => {
  // A document of the same origin whose policy lets media in; a canvas may not look into another's picture.
  await page.goto(`${base}embed.css`);
  await page.evaluate((url) => {
    const video = document.createElement("video");
    document.body.replaceChildren(video);
    video.src = url;
    video.play().catch(() => {});
  }, playlist);
  return watch(page, seconds, rate, stops);
});
