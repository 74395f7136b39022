// The server's own player, many times in one page of its own.

import { judgeDelay, playIn, watchFor } from "./flv-page.mjs";
import { proxyTo } from "./proxy.mjs";

const PATIENCE_MS = 30000;
const LOOK_MS = 50;
const BOTH = ["video", "audio"];
const WITHOUT = "this browser cannot play H.265.";
let proxy;

await playIn(async (page, base) => {
  const upstream = new URL(base.replace("ws", "http"));
  proxy = await proxyTo(upstream);
  // A document of the page's own policy.
  await page.goto(`${proxy.url}/embed.css`);
  await page.evaluate(() => document.body.replaceChildren());
  const begin = (names) => page.evaluate(start, upstream.pathname, names);
  const judges = { clock: judgeDelay, late: bothCome, silent: soundOnly, cannot: saysWhy, cut: survives, codec: changes, hls: ownHls };
  return { begin, judges };
});
proxy?.end();

/** Runs in the page: starts a player for each stream. */
async function start(path, names) {
  const { Player } = await import("/player/player.js");
  window.players ??= new Map();
  for (const name of names) {
    const box = document.createElement("div");
    box.style.width = "160px";
    document.body.append(box);
    const seen = { faults: [], states: [], frames: 0 };
    window.players.set(name, seen);
    // Chromium has HLS of its own; what it would do without is asked for by the stream's name.
    const isHls = name.endsWith("hls");
    const canPlayType = HTMLVideoElement.prototype.canPlayType;
    if (isHls) HTMLVideoElement.prototype.canPlayType = () => "";
    seen.player = new Player(box, {
      name,
      flv: isHls ? null : `${path}${encodeURIComponent(name)}.flv`,
      hls: isHls ? `/hls/${encodeURIComponent(name)}.m3u8` : null,
      onchange: ({ state, why, via }) => {
        seen.states.push(state);
        if (state === "failed" || (state === "playing" && via === "")) seen.faults.push(`${state}: ${why}`);
      },
    });
    HTMLVideoElement.prototype.canPlayType = canPlayType;
    seen.player.video.id = name;
  }
}

/** Waits until a condition holds in the page, of a player. */
async function until({ page }, name, what, condition, ...more) {
  const text = `(name, ...more) => (${condition})(window.players.get(name), ...more)`;
  await page.waitForFunction(`(${text})(${[name, ...more].map((value) => JSON.stringify(value)).join()})`, { timeout: PATIENCE_MS, polling: LOOK_MS })
    .catch(async () => { throw new Error(`${what}: ${await page.evaluate((n) => { const s = window.players.get(n); return JSON.stringify([s.states, s.player.why, Object.keys(s.player.sink?.feeds ?? {}), s.player.sink?.wanted]); }, name)}`); });
}

/** A track that begins late is played, too. */
async function bothCome(run, name) {
  await until(run, name, "the other track does not come", ({ player }) => player.state === "playing" && player.sink?.feeds.audio && player.sink.feeds.video);
  return watchFor(run, name, BOTH);
}

/** Sound without a picture that Chromium cannot decode; the player says so. */
async function soundOnly(run, name) {
  await until(run, name, "it does not say what is missing", ({ player }, text) => player.words.textContent === text, `No picture: ${WITHOUT}`);
  return watchFor(run, name, ["audio"]);
}

/** Nothing can be played, and the player says why. */
async function saysWhy({ page }, name) {
  await until({ page }, name, "it does not fail", ({ player }) => player.state === "failed");
  return page.evaluate((name) => {
    const { player, faults } = window.players.get(name);
    faults.length = 0;
    return player.words.textContent;
  }, name).then((said) => {
    if (said.toLowerCase() !== WITHOUT.toLowerCase()) throw new Error(said);
    return said;
  });
}

/** Its connection is cut, and it goes on by itself. */
async function survives(run, name) {
  await until(run, name, "it does not play", ({ player }) => player.video.currentTime > 2);
  if (proxy.cut(`/${name}.flv`) !== 1) throw new Error("it has not one connection");
  await run.page.evaluate((name) => { window.players.get(name).was = document.getElementById(name).getVideoPlaybackQuality().totalVideoFrames; }, name);
  await until(run, name, "it does not go on", ({ player, was }) => player.socket?.readyState === 1 && player.video.getVideoPlaybackQuality().totalVideoFrames > was + 50);
  return watchFor(run, name, BOTH);
}

/** The codec changes; the last picture stays until there is the next one. */
async function changes(run, name) {
  await until(run, name, "the codec does not change", ({ player }) => player.state === "playing" && player.sink?.feeds.video?.header.codec === "av01");
  return watchFor(run, name, BOTH);
}

/** HLS that the player reads by itself. */
async function ownHls(run, name) {
  await until(run, name, "it does not play HLS", ({ player }) => player.state === "playing" && player.via === "HLS");
  return watchFor(run, name, BOTH);
}
