// The console lists the recordings of an application, and plays them: an FLV file from its beginning, where the viewer goes,
// after a pause and up to its end; an MP4 file by itself. usage: node recordings.mjs http://HOST:PORT/ APPLICATION/STREAM;
// of that stream there is a recording of 15 s at least, in FLV and in MP4.

import { inChromium, target } from "./chromium.mjs";

const { base, stream: label } = target();
const [app, stream] = label.split("/");
const WAIT = { timeout: 20000, polling: 100 };
const VIDEO = "#film";

await inChromium(async (page) => {
  await page.goto(base);
  const press = (app) => {
    const link = [...document.querySelectorAll("#archives a")].find(({ innerText }) => innerText.split(" ").at(-1) === app);
    link?.click();
    return Boolean(link);
  };
  await page.waitForFunction(press, WAIT, app).catch(() => { throw new Error("the console has no link to the recordings"); });
  const rows = await list(page, 2);
  const [flv, mp4] = ["flv", "mp4"].map((form) => rows.findIndex((row) => row.href.includes(`.${form}`)));
  if (flv < 0 || mp4 < 0 || !rows.every(({ text }) => text.includes(stream))) throw new Error(`it lists ${JSON.stringify(rows)}`);
  await begin(page, flv);
  await plays(page, 0, 3);
  const duration = await page.$eval(VIDEO, (video) => video.duration);
  await go(page, duration - 5);
  await plays(page, duration - 5, 1);
  await page.$eval(VIDEO, (video) => video.pause());
  await new Promise((resolve) => setTimeout(resolve, 2000));
  await page.$eval(VIDEO, (video) => video.play());
  await page.waitForFunction((selector) => document.querySelector(selector).ended, WAIT, VIDEO)
    .catch(() => { throw new Error("it does not come to its end"); });
  await go(page, 1);
  await page.$eval(VIDEO, (video) => video.play());
  await plays(page, 1, 1);
  await begin(page, mp4);
  await plays(page, 0, 1);
  await page.goto(`${base}#recordings:${app}/${encodeURIComponent(stream)}`);
  await list(page, 2);
  return `${duration.toFixed(1)} s in FLV, and MP4, of ${rows.length} recordings`;
});

/** The rows of the list, once there are so many. */
async function list(page, count) {
  await page.waitForFunction((count) => document.querySelectorAll("#films li").length === count, WAIT, count)
    .catch(async () => { throw new Error(`there are not ${count} recordings: ${await page.$eval("#archive", (box) => box.innerText)}`); });
  return page.$$eval("#films li", (rows) => rows.map((row) => ({ text: row.innerText, href: row.querySelector("a").href })));
}

async function begin(page, row) {
  await page.$$eval("#films li button", (buttons, row) => buttons[row].click(), row);
}

async function go(page, seconds) {
  await page.$eval(VIDEO, (video, seconds) => { video.currentTime = seconds; }, seconds);
}

/** It shows some seconds from a time on, and has sound. */
async function plays(page, from, seconds) {
  const isThere = (selector, from, seconds) => {
    const video = document.querySelector(selector);
    const { currentTime, error, readyState, videoWidth, webkitAudioDecodedByteCount: sound } = video;
    return error || (currentTime >= from + seconds && currentTime < from + seconds + 3 && readyState >= 2 && videoWidth > 0 && sound > 0);
  };
  await page.waitForFunction(isThere, WAIT, VIDEO, from, seconds).catch(async () => {
    const seen = await page.$eval(VIDEO, ({ currentTime, readyState, error }) => `${currentTime} s, ready ${readyState}, ${error?.message}`);
    throw new Error(`it does not play from ${from} s on: ${seen}; ${await page.$eval("#film-fault", (fault) => fault.innerText)}`);
  });
  const fault = await page.$eval(VIDEO, (video) => video.error?.message);
  if (fault) throw new Error(fault);
}
