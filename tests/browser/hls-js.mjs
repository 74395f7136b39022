// hls.js plays the stream in a page of another origin, as a site with its own player would.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { inChromium, target, watch } from "./chromium.mjs";

const { playlist, seconds, restarts } = target();
const library = readFileSync(new URL("node_modules/hls.js/dist/hls.min.js", import.meta.url));
const html = `<!doctype html><title>hls.js</title><link rel="icon" href="data:,"><video></video>
<script src="/hls.js"></script>
<script>
  const video = document.querySelector("video");
  const hls = new Hls();
  window.faults = [];
  hls.on(Hls.Events.ERROR, (_, data) => {
    const isAway = ${restarts} && !data.fatal && data.type === Hls.ErrorTypes.NETWORK_ERROR;
    if (!isAway) faults.push(data.type + " " + data.details + (data.fatal ? ", fatal" : ""));
  });
  hls.on(Hls.Events.MANIFEST_PARSED, () => video.play());
  hls.loadSource(${JSON.stringify(playlist)});
  hls.attachMedia(video);
</script>`;

const server = createServer((request, response) => {
  const [type, body] = request.url === "/hls.js" ? ["text/javascript", library] : ["text/html", html];
  response.writeHead(200, { "content-type": type }).end(body);
}).listen(0, "127.0.0.1");
await new Promise((resolve) => server.once("listening", resolve));

await inChromium(async (page) => {
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  const faults = () => page.evaluate(() => window.faults.join(", "));
  const note = await watch(page, seconds).catch(async (error) => {
    throw new Error(`${error.message}; hls.js: ${(await faults()) || "no error"}`);
  });
  if (await faults()) throw new Error(`hls.js: ${await faults()} (${note})`);
  return note;
});
server.closeAllConnections();
server.close();
