// Our own page lists the stream, shows its addresses, and plays it at a click.
// SCREENSHOT=folder keeps pictures of it: page.png and page-playing.png.

import { join } from "node:path";
import { inChromium, target, watch } from "./chromium.mjs";

const { base, stream, playlist, seconds, rate, stops } = target();

const START_SECONDS = 30;

await inChromium(async (page) => {
  await page.goto(base);
  const card = await findCard(page);
  const text = await card.evaluate((element) => element.innerText);
  for (const expected of [stream, playlist, /rtmps?:\/\/(127\.0\.0\.1|localhost):\d+\/(live|tv)\/\S+/, "640×360", /H\.264/, /AAC/]) {
    const there = expected instanceof RegExp ? expected.test(text) : text.includes(expected);
    if (!there) throw new Error(`the page does not show ${expected}: ${text.replaceAll("\n", " | ")}`);
  }
  await screenshot(page, "page.png");
  await (await card.$(".watch")).click();
  // The page starts muted, as browsers demand; a user turns the sound on.
  await page.$eval("video", (video) => { video.muted = false; });
  const [note] = await Promise.all([watch(page, seconds, rate, stops), stops && seesStop(page, card, seconds)]);
  await screenshot(page, "page-playing.png");
  return note;
});

/** The card says that there is no encoder, and that there is one again. */
async function seesStop(page, card, seconds) {
  const says = (element) => element.querySelector(".hint").checkVisibility() && element.innerText.includes("Waiting for the encoder");
  const options = { timeout: (seconds + START_SECONDS) * 1000 };
  await page.waitForFunction(says, options, card).catch(() => { throw new Error("the page does not say that it waits"); });
  await page.waitForFunction((element) => /\d:\d\d:\d\d/.test(element.innerText), options, card)
    .catch(() => { throw new Error("the page does not say that the stream is back"); });
}

async function findCard(page) {
  const handle = await page.waitForFunction(
    (name) => [...document.querySelectorAll(".stream")].find((card) => card.innerText.includes(name)),
    { timeout: 10000 },
    stream,
  ).catch(() => { throw new Error(`the page does not list ${stream}`); });
  return handle.asElement();
}

async function screenshot(page, name) {
  if (process.env.SCREENSHOT) await page.screenshot({ path: join(process.env.SCREENSHOT, name) });
}
