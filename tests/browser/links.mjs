// hls.js and Chromium's own player play several playlists side by side in one page. Each line of standard input begins
// one: NAME hls-js|video URL. Lines of standard output tell how many pictures each has shown, NAME COUNT, and what it has
// given up for. The end of the input is the end.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { inChromium } from "./chromium.mjs";

const EVERY_MS = 200;

// How often Chromium's own player is reloaded, as its user would, where it could not parse what it was sent: on a machine
// that has no time for it this happens now and then, though every answer was 200 and whole. Who is refused stays refused.
const RELOADS = 3;

const library = readFileSync(new URL("node_modules/hls.js/dist/hls.min.js", import.meta.url));
const html = `<!doctype html><title>links</title><link rel="icon" href="data:,"><script src="/hls.js"></script>
<script>
  const players = [];
  function play(name, kind, url) {
    const video = document.createElement("video");
    const player = { name, video, fault: "", before: 0, reloads: 0 };
    players.push(player);
    document.body.append(video);
    video.muted = true;
    video.addEventListener("error", () => {
      const why = video.error?.message || "error";
      if (kind !== "video" || !why.includes("COULD_NOT_PARSE") || ++player.reloads > ${RELOADS}) {
        player.fault ||= why;
        return;
      }
      player.before += video.getVideoPlaybackQuality().totalVideoFrames;
      video.src = url;
      video.play().catch(() => {});
    });
    if (kind === "video") {
      video.src = url;
      video.play().catch(() => {});
      return;
    }
    const hls = new Hls();
    hls.on(Hls.Events.ERROR, (_, data) => { if (data.fatal) player.fault ||= data.details; });
    hls.on(Hls.Events.MANIFEST_PARSED, () => video.play().catch(() => {}));
    hls.loadSource(url);
    hls.attachMedia(video);
  }
  const shown = () => players.map(({ name, video, fault, before }) =>
    [name, before + video.getVideoPlaybackQuality().totalVideoFrames, fault].join(" "));
</script>`;

const server = createServer((request, response) => {
  const [type, body] = request.url === "/hls.js" ? ["text/javascript", library] : ["text/html", html];
  response.writeHead(200, { "content-type": type }).end(body);
}).listen(0, "127.0.0.1");
await new Promise((resolve) => server.once("listening", resolve));

await inChromium(async (page) => {
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  console.log("ready 0");
  const timer = setInterval(async () => {
    const lines = await page.evaluate(() => shown()).catch(() => []);
    if (lines.length) console.log(lines.join("\n"));
  }, EVERY_MS);
  for await (const line of createInterface({ input: process.stdin })) {
    await page.evaluate((words) => play(...words), line.split(" "));
  }
  clearInterval(timer);
  return "the end 0";
});
server.closeAllConnections();
server.close();
