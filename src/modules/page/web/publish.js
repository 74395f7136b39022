// How to publish: the content of the page while nothing is live, and a click away always.

import { state } from "./data.js";
import { byId, lines, renew, say } from "./text.js";

/** With TLS if this page has come with it, as both have the same certificate then, or if no other port is reached from here. */
export function rtmpBase(app, { rtmp_port: plain, rtmp_is_local: isLocal, rtmps_port: encrypted }) {
  const isHere = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
  const isEncrypted = encrypted && (location.protocol.endsWith("s:") || !plain || (isLocal && !isHere));
  const [scheme, port, usual] = isEncrypted ? ["rtmps", encrypted, 443] : ["rtmp", plain, 1935];
  return `${scheme}://${location.hostname}${port === usual ? "" : `:${port}`}/${app}`;
}

/** Puts it into the page, or into its dialog while something is live. */
export function showGuide(isEmpty) {
  const [section, guide, select] = [byId("publish"), byId("guide"), byId("application-of")];
  const place = isEmpty && !guide.open ? byId("empty") : guide;
  if (section.parentElement !== place) place.prepend(section);
  byId("empty").hidden = place === guide;
  const { applications } = state.about;
  renew(select, applications, ({ name }) => new Option(name));
  byId("choice").hidden = applications.length < 2;
  const chosen = applications[Math.max(select.selectedIndex, 0)];
  document.querySelector(".ways").hidden = !chosen;
  say(byId("publish-title"), !chosen ? "No application takes streams" : isEmpty ? "Nothing is live yet" : "Publish a stream");
  if (chosen) explain(rtmpBase(chosen.name, chosen));
}

function explain(base) {
  const encode = `-c:v libx264 -preset veryfast -pix_fmt yuv420p -g 60 -c:a aac -f flv ${base}/test`;
  const test = `ffmpeg -re -f lavfi -i testsrc2=size=1280x720:rate=30 -f lavfi -i sine=frequency=440 ${encode}`;
  lines(byId("obs"), [["Server", base, "the server"], ["Stream Key", "test", "the stream key"]]);
  lines(byId("ffmpeg-test"), [["", test, "the command for a test picture"]]);
  lines(byId("ffmpeg-file"), [["", `ffmpeg -re -i video.mp4 ${encode}`, "the command for a file"]]);
}

export function openGuide() {
  byId("guide").prepend(byId("publish"));
  byId("empty").hidden = true;
  byId("guide").showModal();
}
