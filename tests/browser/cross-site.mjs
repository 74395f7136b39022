// Pages of another site, open in a browser beside the server, try to have it act; then a page of the server's own does.
// The first argument is the server's address as such a browser knows it, not loopback; the second, what acts there. Lines of
// standard output say what has been tried; the server's log, what came of it.

import { createServer } from "node:http";
import { inChromium } from "./chromium.mjs";

const [base, target] = process.argv.slice(2);
const PATIENCE_MS = 10000;

/** All by which a page can send a request that the server does not have to agree to. */
const ATTEMPTS = {
  "an image": `<img src="URL">`,
  "an image without Referer": `<img src="URL" referrerpolicy="no-referrer">`,
  "a frame": `<iframe src="URL"></iframe>`,
  "a frame without Referer": `<iframe src="URL" referrerpolicy="no-referrer"></iframe>`,
  "a form": `<form method="post" action="URL"></form><script>document.forms[0].submit()</script>`,
  "a form that gets": `<form action="URL"></form><script>document.forms[0].submit()</script>`,
  "a link without Referer": `<a href="URL" rel="noreferrer">a</a><script>document.links[0].click()</script>`,
  "a script": `<script>fetch("URL", { mode: "no-cors" }).catch(() => {})</script>`,
  "a script that heads": `<script>fetch("URL", { mode: "no-cors", method: "HEAD", referrerPolicy: "no-referrer" }).catch(() => {})</script>`,
  "a script that posts": `<script>fetch("URL", { mode: "no-cors", method: "POST", referrerPolicy: "no-referrer" }).catch(() => {})</script>`,
  "a sandbox": `<iframe sandbox="allow-scripts" srcdoc='<img src="URL">'></iframe>`,
};

const { hostname } = new URL(base);
const server = createServer((request, response) => {
  const html = ATTEMPTS[decodeURIComponent(request.url.slice(1))]?.replaceAll("URL", base + target);
  response.writeHead(html ? 200 : 404, { "content-type": "text/html", connection: "close" }).end(html);
}).listen(0, hostname);
await new Promise((resolve) => server.once("listening", resolve));

await inChromium(async (page) => {
  const browser = page.browser();
  /** Opens a URL in a page of its own, and waits until the server has answered to the request that the page causes. */
  async function open(url) {
    const tab = await browser.newPage();
    const answered = new Promise((resolve, reject) => {
      setTimeout(() => reject(new Error(`${url} causes no request`)), PATIENCE_MS);
      // Of an answer that is no picture or script, the browser says that the request has failed.
      for (const event of ["response", "requestfailed"]) {
        tab.on(event, (request) => request.url().startsWith(base + target) && resolve());
      }
    });
    await tab.goto(url).catch(() => {}); // A form or a link leads on before the page has loaded.
    await answered;
    await tab.close();
  }
  for (const name of Object.keys(ATTEMPTS)) {
    await open(`http://${hostname}:${server.address().port}/${encodeURIComponent(name)}`);
    console.log(`tried: ${name}`);
  }
  await open(`${base}/panel.html`);
  return "the end";
});
server.closeAllConnections();
server.close();
