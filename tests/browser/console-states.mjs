// Walks the console through all its states before a mock server, by what is on the screen, and judges each by axe-core.
// SCREENSHOT=folder writes the pictures of docs/console.md there.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { inChromium } from "./chromium.mjs";
import { MockServer } from "./mock-server.mjs";

const PATIENCE_MS = 8000;
const TOKEN = "see-and-act";
const AXE = readFileSync(new URL("node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
const NARROW = { width: 390, height: 844 };
const WIDE = { width: 1920, height: 1080 };
const MIDDLE = { width: 1280, height: 800 };

const mock = new MockServer();
const base = await mock.listen();
let page;

const STATES = {
  async empty() {
    await sees("Nothing is live yet", "OBS Studio", "rtmp://127.0.0.1/live", "ffmpeg -re -f lavfi");
    await page.select("#application-of", "church");
    await sees("rtmp://127.0.0.1/church");
    await page.select("#application-of", "live");
    await judge();
    await picture("empty", WIDE, "dark");
    await picture("empty-phone", NARROW, "light");
  },

  async "one stream"() {
    mock.streams = [mock.stream("Stage left", { viewers: 12 })];
    await sees("1 stream live", "Stage left", "live · 1280×720 · H.264 High · AAC LC", "Live", "30 fps", "viewers");
    await lacks("Nothing is live yet");
    await draws("Stage left");
    await page.click("#how");
    await sees("Publish a stream", "OBS Studio");
    await judge();
    await page.keyboard.press("Escape");
    await lacks("Publish a stream");
    await judge();
    await picture("one", MIDDLE, "light");
  },

  async "every state on cards and in the list"() {
    mock.fill(10);
    await sees("10 streams live");
    await expect("the list shows from eight streams on by itself", () => document.querySelector("#streams").className === "list");
    const texts = ["Waiting for the encoder, ", "Key frames 10 s apart", "Recording Studio 2-20261201.flv", "Not in HLS: AV1 Main", "42 frames dropped", "Sound only"];
    await sees(...texts);
    await judge();
    await page.click("#layout");
    await sees(...texts);
    await judge();
    await page.reload();
    await expect("the choice of cards lasts", () => document.querySelector("#streams").className === "cards");
    await tabs(["a:Millstream", "sign", "how", "search", "sort", "layout", "a:Council chamber", "a:Hauptbühne"]);
  },

  async "search and order"() {
    await page.keyboard.press("/");
    await page.keyboard.type("PUL live");
    await expect("one card is found", () => document.querySelectorAll(".card").length === 1);
    await page.keyboard.type("x");
    await sees("No stream is called so.");
    await page.keyboard.press("Escape");
    await expect("all cards are back", () => document.querySelectorAll(".card").length === 10);
    await page.select("#sort", "viewers");
    await expect("the most viewers come first", () => document.querySelector(".card h3").innerText === "drone");
    await page.focus(".card a");
    mock.streams[1].viewers = 900;
    await expect("many watch", () => /[1789]\d\d+ viewers/.test([...document.querySelectorAll(".card")].find((card) => /^Pulpit$/m.test(card.innerText)).innerText));
    await page.evaluate(() => { const now = performance.now.bind(performance); performance.now = () => now() + 6000; });
    await refresh();
    await expect("the order follows the numbers, and the focus stays where it was", () => document.querySelector(".card h3").innerText === "Pulpit" && document.activeElement.innerText === "drone");
    mock.streams[1].viewers = 14;
    await page.select("#sort", "newest");
    await expect("the newest comes first", () => document.querySelector(".card h3").innerText === "Stage left");
    await page.select("#sort", "name");
  },

  async variants() {
    const facts = (height) => ({ base: "show", master: "/hls/show.m3u8", video: { codec: "H.264 High", width: height * 16 / 9, height, frame_rate: 30, key_interval: 2, in_hls: true } });
    mock.streams = [1080, 720, 360].map((height) => mock.stream(`show_${height}`, { viewers: height / 90, rate: height * 3000, facts: facts(height) }));
    await sees("3 variants", "show", "1920×1080");
    await expect("variants are one card", () => document.querySelectorAll(".card:not(.ended)").length === 1);
    await open("live/show");
    await sees("show_720 720p", "/hls/show.m3u8", "obs-output module");
    await judge();
    await page.click("#watch");
    await picture("variants", MIDDLE, "dark");
    await open("");
  },

  async "a stream page"() {
    mock.fill(10);
    await refresh();
    await page.goto(`${base}?key=secret#live/Pulpit`);
    await sees("Pulpit", "in live", "key frames are 10 s apart", "rtmp://127.0.0.1/live/Pulpit", "/live/Pulpit.flv?key=secret", "/hls/Pulpit.m3u8?key=secret", "a viewer joins over HLS", "HTTP-FLV", "obs-output module", "Playing");
    await expect("the title names it", () => document.title === "Pulpit – Millstream" && document.activeElement.id === "name");
    await page.click("#share summary");
    await sees("rtmp://127.0.0.1/live/Pulpit?key=secret", "page_embed https://example.com;", "/embed/live/Pulpit?key=secret", "<iframe src=", "Now only pages of this server may.");
    await sees("with the key that it was opened with");
    await expect("there is a QR code", () => document.querySelector("#qr").naturalWidth > 0);
    await judge();
    await page.click("#share summary");
    await picture("watching", WIDE, "dark");
    await picture("watching-phone", NARROW, "light");
    await page.click("#watch");
    await expect("the player is closed", () => !document.querySelector("#player video") && document.querySelector("#poster").checkVisibility());
    await page.click("#poster");
    await sees("Playing");
  },

  async "the encoder is away, the stream ends and comes back"() {
    const pulpit = mock.streams[1];
    await open("");
    await draws("Pulpit", "Council chamber", "Stage left");
    await open("live/Pulpit");
    await sees("Playing");
    pulpit.grace = 9000;
    await sees("Waiting for the encoder, ");
    await expect("the words below the player say it at once", () => document.querySelector("#playing").innerText === "Waiting for the encoder…");
    await expect("what changes each second is not read out", () => document.querySelector("#behind").closest("[role=status]") === null);
    await judge();
    await picture("waiting", MIDDLE, "light");
    mock.streams = mock.streams.filter((stream) => stream !== pulpit);
    await sees("Ended ");
    await page.click("#watch");
    await sees("Watch what is left");
    await open("");
    await sees("Ended ", "9 streams live");
    await expect("of the others, none has ended while the numbers of one were asked for", () => document.querySelectorAll(".ended").length === 1);
    await judge();
    await picture("ended", MIDDLE, "dark");
    mock.waiting = [["live", "Pulpit", 12000], ["live", "since before", 12000]];
    await sees("Waiting for the encoder, ");
    await expect("what the page has never seen live waits, too", () => [...document.querySelectorAll(".card")].some((card) => /^since before/m.test(card.innerText) && card.innerText.includes("Waiting for the encoder, ")));
    await open("live/since before");
    await sees("Waiting for the encoder, ");
    await lacks("The server offers");
    await judge();
    await open("");
    mock.waiting = [];
    mock.streams.push(mock.stream("Pulpit"));
    await sees("10 streams live");
    await expect("it lives again", () => document.querySelectorAll(".ended").length === 1);
  },

  async "the server is gone, and has restarted"() {
    await open("live/Pulpit");
    await sees("Playing");
    await page.evaluate(() => { window.kept = document.querySelector("#player video"); });
    mock.isAway = true;
    await sees("No news from the server; trying again");
    await expect("the player stays", () => window.kept.isConnected);
    await judge();
    const asked = mock.requests.filter((url) => url.startsWith("/live.json")).length;
    await picture("gone", MIDDLE, "dark");
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const more = mock.requests.filter((url) => url.startsWith("/live.json")).length - asked;
    if (more > 2) throw new Error(`the server is asked ${more} times in 1.5 s while it is gone`);
    [mock.isAway, mock.run] = [false, "after"];
    mock.fill(10);
    await lacks("No news from the server");
    await sees("Live");
    await expect("the player lives on", () => window.kept.isConnected);
    await open("");
  },

  async "what a browser cannot play"() {
    await open("live/harbour-cam");
    await sees("HLS has no AV1, only the sound", "AV1 Main");
    await judge();
    await picture("av1", MIDDLE, "light");
    await open("live/lobby");
    await sees("Playing");
    await judge();
    await picture("sound", MIDDLE, "dark");
    await page.click("#watch");
    await expect("no picture of another stream is left", () => {
      const canvas = document.querySelector("#poster canvas");
      return canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.every((value) => value === 0);
    });
    mock.change(mock.streams[0], { hls: null, video: { ...mock.streams[0].facts.video, in_hls: false } });
    await open("live/Stage left");
    await sees("/live/Stage%20left.flv");
    await lacks("/hls/Stage");
    await picture("no-hls", MIDDLE, "light");
    mock.change(mock.streams[0], { flv: null });
    await page.reload();
    await sees("The server offers");
    await open("");
  },

  async "relays and recordings"() {
    const relays = [
      { kind: "push", target: "rtmps://a.rtmps.youtube.com/live2/***", state: "running", bits_per_second: 2.4e6, dropped: 3, reconnects: 1, error: null },
      { kind: "push", target: "rtmp://backup.example/live/cam", state: "waiting", bits_per_second: 0, dropped: 0, reconnects: 4, error: "connection refused" },
    ];
    const recordings = [
      { recorder: "daily", file: "drone.flv", state: "failing", bytes: 0, manual: false },
      { recorder: "", file: "drone-1.flv", state: "stopped", bytes: 4e6, manual: true },
    ];
    await open("");
    mock.change(mock.streams[4], { relays, recordings });
    await sees("Push fails: backup.example");
    await open("live/drone");
    await sees("youtube.com/live2/***: 2.4 Mbit/s, 3 dropped, 1 reconnect", "backup.example/live/cam: waits for the next try, connection refused, 4 reconnects", "daily: drone.flv, fails", "Recorder: drone-1.flv, stopped, 4.0 MB", "Recording fails: drone.flv");
    await judge();
  },

  async "signing in, and acting"() {
    await expect("who has no token may not act", () => !document.querySelector("#actions").checkVisibility());
    mock.streams.push(mock.stream("paid", { own: { hides: true } }));
    await page.click("#sign");
    await judge();
    await page.keyboard.type("wrong");
    await page.keyboard.press("Enter");
    await sees("The server does not know this token.");
    await page.keyboard.type(TOKEN);
    await page.keyboard.press("Enter");
    await expect("the token does not stay in its field", () => document.querySelector("#token").value === "");
    await sees("Sign out", "Kick the encoder", "Reload the configuration");
    await judge();
    await page.focus('[aria-label="Start recorder "]');
    mock.streams[4].facts.recordings[1].bytes = 5e6;
    await sees("Recorder: drone-1.flv, stopped, 5.0 MB");
    await expect("a button stays while the bytes beside it change", () => document.activeElement.innerText === "Start");
    await page.click("#kick");
    await sees("Kick the encoder of live/drone?");
    await judge();
    await page.click("#sure");
    await page.click('[aria-label="Start recorder "]');
    await page.click("#reload");
    await sees("That did not work", 'unknown directive "recrod"');
    await page.keyboard.press("Escape");
    const wanted = ["streams/live/drone/kick {}", 'streams/live/drone/record {"action":"start"}', "reload {}"];
    if (mock.acts.join() !== wanted.join()) throw new Error(`the API was asked for ${mock.acts.join()}`);
    await open("");
    await sees("paid", "11 streams live");
    await open("live/paid");
    await sees("Playing");
    await page.click("#sign");
    await sees("Sign in", "It is not live");
    await expect("of what is not seen any more, nothing plays", () => !document.querySelector("#player video"));
    await open("");
    await sees("10 streams live");
    await expect("nor is it told to have ended", () => document.querySelectorAll(".ended").length === 0);
    mock.hasTokens = false;
    mock.run = "without tokens";
    await sees("Reload the configuration");
    mock.hasTokens = true;
  },

  async "names that are no HTML and no address"() {
    mock.streams = [mock.stream("<img src=x onerror=alert(1)>"), mock.stream("a#b?c%2Fd&e"), mock.stream("x".repeat(128))];
    await sees("<img src=x onerror=alert(1)>", "a#b?c%2Fd&e", "x".repeat(128));
    await page.evaluate(() => [...document.querySelectorAll(".card a")].find((link) => link.innerText.startsWith("a#b")).click());
    await sees("Playing", "/live/a%23b%3Fc%252Fd%26e.flv");
    await open(`live/${"x".repeat(9000)}`);
    await sees("3 streams live");
    await open("live/a#b?c%2Fd&e");
    await expect("nothing is wider than the page", () => document.documentElement.scrollWidth <= innerWidth);
    await open("");
  },

  async "a hidden tab asks for nothing"() {
    await page.evaluate(() => Object.defineProperty(document, "hidden", { value: true, configurable: true }));
    await refresh();
    await new Promise((resolve) => setTimeout(resolve, 300));
    const asked = mock.requests.length;
    await new Promise((resolve) => setTimeout(resolve, 1200));
    if (mock.requests.length > asked) throw new Error(`a hidden page asks for ${mock.requests.slice(asked)}`);
    await page.evaluate(() => delete document.hidden);
  },

  async "thirty and a hundred streams"() {
    mock.fill(30);
    await page.reload();
    await sees("30 streams live");
    await picture("thirty", WIDE, "light", "Hauptbühne", "camera-012");
    await page.setViewport(NARROW);
    await judge();
    await expect("nothing is wider than a phone", () => document.documentElement.scrollWidth <= innerWidth);
    await page.click("#layout");
    await expect("nothing is wider than a phone", () => document.documentElement.scrollWidth <= innerWidth);
    await picture("thirty-phone", NARROW, "dark");
    await page.setViewport(MIDDLE);
    mock.fill(100);
    await sees("100 streams live");
    await judge();
    await picture("hundred", WIDE, "dark", "camera-018");
  },
};

await inChromium(async (browserPage) => {
  page = browserPage;
  await page.setViewport(MIDDLE);
  await scheme("dark");
  await page.goto(base);
  for (const [name, walk] of Object.entries(STATES)) {
    const began = performance.now();
    await walk().catch((error) => { throw new Error(`${name}: ${error.message}`); });
    if (process.env.VERBOSE) console.log(`${name}: ${Math.round(performance.now() - began)} ms`);
  }
  return `${Object.keys(STATES).length} states`;
}, /Failed to load resource|WebSocket connection to/);
mock.close();

/** The page asks at once what has changed. */
function refresh() {
  return page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
}

async function open(path) {
  await page.evaluate((path) => { location.hash = path.split("/").map(encodeURIComponent).join("/"); }, path);
}

/** Waits until all these texts are on the screen. */
async function sees(...texts) {
  await refresh();
  const shown = () => document.body.innerText.replaceAll("\u00a0", " ");
  for (const text of texts) {
    await page.waitForFunction((text) => document.body.innerText.replaceAll("\u00a0", " ").includes(text), { timeout: PATIENCE_MS, polling: 100 }, text)
      .catch(async () => { throw new Error(`“${text}” does not show: ${(await page.evaluate(shown)).replaceAll("\n", " | ")}`); });
  }
}

async function lacks(text) {
  await refresh();
  await page.waitForFunction((text) => !document.body.innerText.includes(text), { timeout: PATIENCE_MS, polling: 100 }, text)
    .catch(() => { throw new Error(`“${text}” still shows`); });
}

async function expect(what, check) {
  await page.waitForFunction(check, { timeout: PATIENCE_MS, polling: 100 }).catch(() => { throw new Error(`not so: ${what}`); });
}

/** What gets the focus, from the top. */
async function tabs(wanted) {
  await page.evaluate(() => { document.activeElement.blur(); scrollTo(0, 0); });
  const seen = [];
  for (let i = 0; i < wanted.length; i++) {
    await page.keyboard.press("Tab");
    seen.push(await page.evaluate(() => document.activeElement.id || `a:${document.activeElement.innerText.trim()}`));
  }
  if (seen.join() !== wanted.join()) throw new Error(`the focus goes to ${seen.join(", ")}`);
}

/** axe-core finds nothing, in the dark, and in the light as far as colours go. */
async function judge() {
  if (!await page.evaluate(() => "axe" in window)) await page.evaluate(AXE);
  for (const [name, rules] of [["dark", {}], ["light", { runOnly: ["color-contrast"] }]]) {
    await scheme(name);
    const found = await page.evaluate(async (rules) => {
      const { violations } = await window.axe.run(document, { resultTypes: ["violations"], preload: false, ...rules });
      return violations.map(({ id, nodes }) => `${id}: ${nodes[0].html.slice(0, 200)} ${nodes[0].failureSummary}`);
    }, rules);
    if (found.length) throw new Error(`axe-core finds in the ${name} ${found.join("; ")}`);
  }
}

function scheme(value) {
  return page.emulateMediaFeatures([{ name: "prefers-color-scheme", value }]);
}

/** Waits until the cards of these streams have pictures of more than one colour. */
async function draws(...names) {
  for (const name of names) {
    await page.waitForFunction((name) => {
      const card = [...document.querySelectorAll(".card")].find((element) => element.querySelector("a").innerText === name);
      const canvas = card?.querySelector(".drawn canvas");
      const pixels = canvas?.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data ?? [];
      return pixels.some((value, i) => i % 4 < 3 && Math.abs(value - pixels[i % 4]) > 32);
    }, { timeout: 2 * PATIENCE_MS, polling: 100 }, name).catch(() => { throw new Error(`the card of ${name} has no picture`); });
  }
}

/** Keeps a picture when the cards of these streams have theirs. */
async function picture(name, size, value, ...cards) {
  if (!process.env.SCREENSHOT) return;
  await page.setViewport(size);
  await scheme(value);
  await page.mouse.move(0, 0);
  await page.evaluate(() => { document.activeElement?.blur(); scrollTo(0, 0); });
  await draws(...cards);
  await new Promise((resolve) => setTimeout(resolve, 1500));
  await page.screenshot({ path: join(process.env.SCREENSHOT, `${name}.webp`), type: "webp", quality: 45 });
  await page.setViewport(MIDDLE);
}
