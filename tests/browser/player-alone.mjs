// The server's own player, one in a page, while the encoder or the server is stopped and started: it goes on by itself, and
// needs no more memory in the end.

import { inChromium, target, watch } from "./chromium.mjs";

const APPLICATION = "tv";
const MAX_GROWTH = 4 << 20; // bytes of scripts' memory
const MAX_BUFFERED = 15; // seconds

const { base, stream, seconds, rate } = target();

await inChromium(async (page) => {
  // A document of the page's own policy.
  await page.goto(`${base}embed.css`);
  await page.evaluate(async (name, flv) => {
    const { Player } = await import("/player/player.js");
    const box = document.createElement("div");
    document.body.replaceChildren(box);
    window.player = new Player(box, { name, flv, hls: null });
  }, stream, `/${APPLICATION}/${stream}.flv`);
  const before = await memory(page);
  const note = await watch(page, seconds, rate, true);
  const growth = await memory(page) - before;
  const buffered = await page.evaluate(() => player.video.buffered.end(0) - player.video.buffered.start(0));
  const seen = `${note}; ${Math.round(growth / 1024)} KiB more memory, ${buffered.toFixed(1)} s buffered`;
  if (growth > MAX_GROWTH || buffered > MAX_BUFFERED) throw new Error(seen);
  return seen;
});

async function memory(page) {
  const session = await page.createCDPSession();
  await session.send("HeapProfiler.collectGarbage");
  return (await page.metrics()).JSHeapUsedSize;
}
