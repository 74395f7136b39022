// The console lists the stream, has a page for it, and plays it there at a click. It also says when the encoder is away.
// SCREENSHOT=folder keeps pictures of it: console.png and console-playing.png.

import { join } from "node:path";
import { inChromium, target, watch, watchOne } from "./chromium.mjs";

const { base, stream, playlist, seconds, rate, stops } = target();

const LIST_MS = 15000;
const START_SECONDS = 30;
const VIDEO = "#player video";

await inChromium(async (page) => {
  await page.goto(base);
  await expect(page, [stream, /(640×360|320×180)/, /H\.264|AV1/, /AAC/, /\d (k|M)bit\/s/, "25 fps"]);
  await page.waitForFunction(hasPicture, { timeout: LIST_MS, polling: 200 }, stream).catch(() => { throw new Error("the card has no picture"); });
  await screenshot(page, "console.png");
  await page.evaluate((name) => [...document.querySelectorAll(".card a")].find((link) => link.innerText === name).click(), stream);
  await expect(page, [/rtmps?:\/\/(127\.0\.0\.1|localhost):\d+\/(live|tv)\/\S+/, playlist, `${stream}.flv`, "Live", "Playing"]);
  await page.$eval(VIDEO, (video) => { video.muted = false; });
  // It is a second behind what is live: on a busy machine it may have to wait.
  const watching = stops ? watch(page, seconds, rate, true) : watchOne(page, VIDEO, seconds, ["video", "audio"]);
  const [note] = await Promise.all([watching, stops && seesStop(page)]);
  await screenshot(page, "console-playing.png");
  return note;
}, /WebSocket connection to|Failed to load resource/);

/** Waits until all these are on the screen. */
async function expect(page, texts) {
  const shows = (source, flags) => new RegExp(source, flags).test(document.body.innerText.replaceAll("\u00a0", " "));
  for (const text of texts) {
    const source = text.source ?? text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
    await page.waitForFunction(shows, { timeout: LIST_MS, polling: 100 }, source, "")
      .catch(async () => { throw new Error(`the console does not show ${text}: ${(await page.evaluate(() => document.body.innerText)).replaceAll("\n", " | ")}`); });
  }
}

/** Runs in the page: its card has got a picture that is not of one colour. */
function hasPicture(name) {
  const card = [...document.querySelectorAll(".card")].find((element) => element.innerText.includes(name));
  const canvas = card?.querySelector(".drawn canvas");
  const pixels = canvas?.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data ?? [];
  return pixels.some((value, i) => i % 4 < 3 && Math.abs(value - pixels[i % 4]) > 32);
}

/** The page says that there is no encoder, and that there is one again. */
async function seesStop(page) {
  const says = (kind) => document.querySelector("#badge").dataset.kind === kind;
  const options = { timeout: (seconds + START_SECONDS) * 1000, polling: 100 };
  await page.waitForFunction(() => document.body.innerText.includes("Waiting for the encoder"), options)
    .catch(() => { throw new Error("the console does not say that it waits"); });
  await page.waitForFunction(says, options, "live").catch(() => { throw new Error("the console does not say that the stream is back"); });
}

async function screenshot(page, name) {
  if (process.env.SCREENSHOT) await page.screenshot({ path: join(process.env.SCREENSHOT, name) });
}
