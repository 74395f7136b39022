// Opens a page and waits until its <video> has shown so many pictures.

import { inChromium } from "./chromium.mjs";

const PATIENCE_MS = 60000;

const [url, count] = process.argv.slice(2);
if (!count) {
  console.error("usage: node shows.mjs URL PICTURES");
  process.exit(2);
}

await inChromium(async (page) => {
  // A site has an icon; a page that is tested has none.
  await page.setRequestInterception(true);
  page.on("request", (request) => {
    if (request.url().endsWith("/favicon.ico")) request.respond({ status: 204 });
    else request.continue();
  });
  await page.goto(url);
  const shown = (count) => document.querySelector("video")?.getVideoPlaybackQuality().totalVideoFrames >= count;
  await page.waitForFunction(shown, { timeout: PATIENCE_MS, polling: 100 }, Number(count));
  return `${count} pictures`;
});
