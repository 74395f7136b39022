// How to publish: the content of the page while nothing is live, and a click away always.

import { state } from "./data.js";
import { byId, lines, say } from "./text.js";

/** With TLS if this page has come with it, as both have the same certificate then, or if no other port is reached from here. */
export function rtmpBase(app, { rtmp_port: plain, rtmp_is_local: isLocal, rtmps_port: encrypted }) {
  const isHere = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
  const isEncrypted = encrypted && (location.protocol.endsWith("s:") || !plain || (isLocal && !isHere));
  const [scheme, port, usual] = isEncrypted ? ["rtmps", encrypted, 443] : ["rtmp", plain, 1935];
  return `${scheme}://${location.hostname}${port === usual ? "" : `:${port}`}/${app}`;
}

/** It stands in the page, or in its dialog while something is live. */
export function showGuide(isEmpty) {
  const [section, guide] = [byId("publish"), byId("guide")];
  const place = isEmpty && !guide.open ? byId("empty") : guide;
  if (section.parentElement !== place) place.prepend(section);
  byId("empty").hidden = place === guide;
  explain(isEmpty);
}

function explain(isEmpty) {
  const list = state.about?.applications ?? [];
  const select = byId("application-of");
  const names = list.map(({ name }) => name).join();
  if (select.shown !== names) {
    select.shown = names;
    select.replaceChildren(...list.map(({ name }) => new Option(name)));
    byId("choice").hidden = list.length < 2;
  }
  const chosen = list[Math.max(select.selectedIndex, 0)];
  document.querySelector(".ways").hidden = !chosen;
  say(byId("publish-title"), !chosen ? "No application takes streams" : isEmpty ? "Nothing is live yet" : "Publish a stream");
  if (!chosen) return;
  const base = rtmpBase(chosen.name, chosen);
  const encode = "-c:v libx264 -preset veryfast -pix_fmt yuv420p -g 60 -c:a aac";
  lines(byId("obs"), [["Server", base, "the server"], ["Stream Key", "test", "the stream key"]]);
  const test = `ffmpeg -re -f lavfi -i testsrc2=size=1280x720:rate=30 -f lavfi -i sine=frequency=440 ${encode} -f flv ${base}/test`;
  lines(byId("ffmpeg-test"), [["", test, "the command for a test picture"]]);
  lines(byId("ffmpeg-file"), [["", `ffmpeg -re -i video.mp4 ${encode} -f flv ${base}/test`, "the command for a file"]]);
}

export function openGuide() {
  const guide = byId("guide");
  guide.prepend(byId("publish"));
  byId("empty").hidden = true;
  guide.showModal();
}
