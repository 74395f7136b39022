// Where HLS has only the sound of a stream, our own page says so in the picture's place, and plays the sound at a click.
// SCREENSHOT=folder keeps a picture of it: page-sound.png.

import { join } from "node:path";
import { inChromium, target } from "./chromium.mjs";

const { base, stream } = target();
const START_MS = 30000;

await inChromium(async (page) => {
  await page.goto(base);
  const card = await page.waitForFunction(
    (name) => [...document.querySelectorAll(".stream")].find((element) => element.innerText.includes(name)),
    { timeout: 10000 },
    stream,
  );
  await (await card.$(".watch")).click();
  await page.waitForFunction(() => document.querySelector("video").currentTime > 3, { timeout: START_MS })
    .catch(() => { throw new Error("the sound does not play"); });
  const seen = await card.evaluate((element) => ({
    text: element.innerText,
    height: element.querySelector("video").offsetHeight,
    sound: element.querySelector("video").webkitAudioDecodedByteCount,
  }));
  if (process.env.SCREENSHOT) await page.screenshot({ path: join(process.env.SCREENSHOT, "page-sound.png") });
  for (const expected of ["No picture: HLS has no AV1", "HLS has no AV1, only the sound: play over RTMP"]) {
    if (!seen.text.includes(expected)) throw new Error(`the page does not say ${expected}: ${seen.text.replaceAll("\n", " | ")}`);
  }
  if (seen.height > 80) throw new Error(`a black picture of ${seen.height} pixels`);
  if (!(seen.sound > 0)) throw new Error("no sound was decoded");
  return `a note in place of the video, ${seen.sound} bytes of audio`;
});
