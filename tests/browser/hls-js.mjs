// hls.js plays the stream in a page of another origin, as a site with its own player would.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { AMPLE, SLOW_RATE, inChromium, target, watch } from "./chromium.mjs";

const { playlist, seconds, rate, restarts, stops } = target();
const library = readFileSync(new URL("node_modules/hls.js/dist/hls.min.js", import.meta.url));
const html = `<!doctype html><title>hls.js</title><link rel="icon" href="data:,"><video></video>
<script src="/hls.js"></script>
<script>
  const video = document.querySelector("video");
  const hls = new Hls();
  window.faults = [];
  hls.on(Hls.Events.ERROR, (_, data) => {
    // While the server restarts; and where an encoder was killed before it had sent the B pictures that are shown
    // before its last one: hls.js steps over that hole, and whether it stalls there is judged by the video.
    const expected = [Hls.ErrorTypes.NETWORK_ERROR, Hls.ErrorDetails.BUFFER_SEEK_OVER_HOLE];
    // Of slow pictures Chromium has to decode some seconds' worth before it begins, which hls.js takes for a stall.
    const isStart = ${rate <= SLOW_RATE} && !data.fatal && video.currentTime === 0
      && data.details === Hls.ErrorDetails.BUFFER_STALLED_ERROR;
    const isRestart = ${restarts} && !data.fatal && [data.type, data.details].some((word) => expected.includes(word));
    // With so much to play, what it waits for is Chromium's decoder, on a busy machine: judged by the video, too.
    const isBusy = !data.fatal && data.details === Hls.ErrorDetails.BUFFER_STALLED_ERROR
      && data.bufferInfo?.len > ${AMPLE};
    // While nobody publishes, there may be nothing left to show.
    const isStop = ${stops} && !data.fatal;
    const why = [data.type, data.details, data.fatal ? "fatal" : "", data.error?.message ?? data.reason ?? ""];
    if (!isStart && !isRestart && !isBusy && !isStop) faults.push(why.filter(Boolean).join(", ") + " at " + video.currentTime.toFixed(2) + " s");
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
  const note = await watch(page, seconds, rate, stops).catch(async (error) => {
    throw new Error(`${error.message}; hls.js: ${(await faults()) || "no error"}`);
  });
  if (await faults()) throw new Error(`hls.js: ${await faults()} (${note})`);
  return note;
});
server.closeAllConnections();
server.close();
