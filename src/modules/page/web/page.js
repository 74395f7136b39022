// Asks the server every two seconds what is live and keeps the page in step with it.
// Names come from whoever publishes, so they are only ever set as text.
"use strict";

const PERIOD_MS = 2000;
const PATIENCE_MS = 10000;
const RETRY_MS = 3000;
const HLS_TYPE = "application/vnd.apple.mpegurl";
const NO_ENCODER = "Waiting for the encoder…";

const byId = (id) => document.getElementById(id);
const cards = new Map(); // "app/name" -> card
let timer = 0;
let applications = [];

async function poll() {
  clearTimeout(timer);
  try {
    const response = await fetch("streams.json", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
    if (!response.ok) throw new Error(`the server answers ${response.status}`);
    show(await response.json());
    trouble("");
  } catch (error) {
    trouble(`No news from the server (${error.message}). Trying again.`);
  }
  clearTimeout(timer);
  if (!document.hidden) timer = setTimeout(poll, PERIOD_MS);
}

function trouble(text) {
  const box = byId("trouble");
  box.hidden = !text;
  if (box.textContent !== text) box.textContent = text;
}

document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : poll()));

function show(state) {
  const keyOf = (stream) => `${stream.app}/${stream.name}`;
  const present = new Set();
  for (const stream of state.streams) {
    const key = keyOf(stream);
    present.add(key);
    if (!cards.has(key)) cards.set(key, makeCard(stream));
    updateCard(cards.get(key), stream);
  }
  // Their playlists are open: a player goes on by itself when the encoder is back.
  const waiting = new Set(state.waiting.map(keyOf));
  for (const [key, card] of cards) {
    if (present.has(key)) continue;
    // Of more than are listed, one that is being watched may be among those left out.
    const mayWait = state.waiting_total > state.waiting.length && !card.screen.hidden;
    if (waiting.has(key) || mayWait) {
      showWaiting(card, true);
      continue;
    }
    stopWatching(card);
    card.root.remove();
    cards.delete(key);
  }
  sortCards();
  byId("streams").hidden = cards.size === 0;
  byId("publish").hidden = cards.size > 0;
  say(byId("summary"), summary(state));
  say(byId("version"), `${state.server} ${state.version}`);
  showApplications(state.applications);
}

function summary(state) {
  const hidden = state.total - state.streams.length;
  const count = state.total === 1 ? "1 stream live" : `${state.total} streams live`;
  return state.total === 0 ? "" : hidden > 0 ? `${count}, ${hidden} not shown` : count;
}

function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function sortCards() {
  const list = byId("streams");
  const sorted = [...cards.keys()].sort().map((key) => cards.get(key).root);
  // Moving a card that is in its place would interrupt its video.
  sorted.forEach((root, i) => { if (list.children[i] !== root) list.insertBefore(root, list.children[i] ?? null); });
}

function makeCard(stream) {
  const root = byId("stream").content.firstElementChild.cloneNode(true);
  const part = {};
  for (const element of root.querySelectorAll("[data-is]")) part[element.dataset.is] = element;
  const card = { root, part, hls: null, isWaiting: false, retry: 0, bytes: stream.bytes_in, at: performance.now(), rate: null };
  card.video = root.querySelector("video");
  card.screen = root.querySelector(".screen");
  card.hint = card.screen.querySelector(".hint");
  card.watch = root.querySelector(".watch");
  card.watch.addEventListener("click", () => (card.screen.hidden ? startWatching(card) : stopWatching(card)));
  card.watch.setAttribute("aria-label", `Watch ${stream.name}`);
  card.video.setAttribute("aria-label", stream.name);
  card.video.addEventListener("error", () => retryLater(card));
  card.video.addEventListener("playing", () => hint(card, ""));
  for (const button of root.querySelectorAll(".copy")) {
    const kind = button.parentElement.querySelector("span").textContent;
    button.setAttribute("aria-label", `Copy the ${kind} address of ${stream.name}`);
    button.addEventListener("click", () => copy(button.previousElementSibling, button));
  }
  return card;
}

function updateCard(card, stream) {
  const { part } = card;
  say(part.name, stream.name);
  say(part.app, stream.app);
  say(part.uptime, duration(stream.uptime_ms));
  say(part.bitrate, bitrate(card, stream.bytes_in));
  say(part.players, String(stream.players));
  say(part.viewers, stream.hls_viewers === null ? "–" : String(stream.hls_viewers));
  say(part.picture, picture(stream.video));
  say(part.video, stream.video.codec || "–");
  say(part.audio, sound(stream.audio));
  const base = rtmpBase(stream.app, stream);
  say(part.scheme, base.startsWith("rtmps:") ? "RTMPS" : "RTMP");
  say(part.rtmp, `${base}/${encodeURI(stream.name)}`);
  // Who has opened the page with a key or a link watches with it.
  card.hls = webUrl(stream.hls);
  const flv = webUrl(stream.flv);
  say(part.flv, flv ?? "");
  part.flv.parentElement.hidden = flv === null;
  say(part.hls, card.hls ?? "");
  const isEmpty = showWhatHlsHas(card, stream);
  part.hls.parentElement.hidden = card.hls === null || isEmpty;
  card.watch.hidden = card.hls === null || isEmpty;
  showList(card, "warnings", stream.warnings);
  showList(card, "relays", (stream.relays ?? []).map(relayText));
  showWaiting(card, "ends_in_ms" in stream);
}

// A path of this server, which may have a query of its own.
function webUrl(path) {
  if (path === null) return null;
  const query = path.includes("?") ? location.search.replace("?", "&") : location.search;
  return new URL(path + query, location.href).href;
}

function showWaiting(card, isWaiting) {
  if (isWaiting) {
    say(card.part.uptime, "no encoder");
    say(card.part.bitrate, "–");
    hint(card, NO_ENCODER);
  } else if (card.isWaiting) {
    hint(card, "");
  }
  card.isWaiting = isWaiting;
}

// Sound without its picture is played below a note in the picture's place. Returns whether HLS has neither.
function showWhatHlsHas(card, { video, audio }) {
  const lacksPicture = video.codec !== "" && !video.in_hls;
  const isEmpty = (lacksPicture || audio.codec !== "") && !video.in_hls && !audio.in_hls;
  const codec = video.codec === "unknown" ? "this codec" : video.codec;
  say(card.part.absent, lacksPicture ? `No picture: HLS has no ${codec}` : "");
  card.screen.classList.toggle("soundonly", lacksPicture);
  if (isEmpty && !card.screen.hidden) stopWatching(card);
  return isEmpty;
}

const RELAY_STATES = { connecting: "connects", waiting: "waits for the next try", standby: "on standby" };

// To another server, or from it.
function relayText({ kind, target, state, bits_per_second: rate, dropped, reconnects, error }) {
  const parts = [state === "running" ? rateText(rate) : RELAY_STATES[state]];
  if (error) parts.push(error);
  if (dropped > 0) parts.push(`${dropped} dropped`);
  if (reconnects > 0) parts.push(reconnects === 1 ? "1 reconnect" : `${reconnects} reconnects`);
  return `${kind === "push" ? "→" : "←"} ${target}: ${parts.join(", ")}`;
}

function showList(card, name, texts) {
  const list = card.part[name];
  list.hidden = texts.length === 0;
  if (texts.join() === card[name]) return;
  card[name] = texts.join();
  list.replaceChildren(...texts.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
}

function picture(video) {
  if (!video.width) return "–";
  const rate = video.frame_rate ? ` ${Number(video.frame_rate.toFixed(2))}\u00a0fps` : "";
  return `${video.width}×${video.height}${rate}`;
}

function sound(audio) {
  const channels = { 0: "", 1: "mono", 2: "stereo" }[audio.channels] ?? `${audio.channels} channels`;
  const rate = audio.sample_rate ? `${audio.sample_rate / 1000}\u00a0kHz` : "";
  return [audio.codec, rate, channels].filter(Boolean).join(" ") || "–";
}

function bitrate(card, bytes) {
  const now = performance.now();
  const seconds = (now - card.at) / 1000;
  if (bytes < card.bytes) {
    card.rate = null;
  } else if (seconds > 0.5) {
    const rate = ((bytes - card.bytes) * 8) / seconds;
    card.rate = card.rate === null ? rate : (card.rate + rate) / 2;
  } else {
    return rateText(card.rate);
  }
  card.bytes = bytes;
  card.at = now;
  return rateText(card.rate);
}

function rateText(rate) {
  if (rate === null) return "…";
  return rate < 999500 ? `${Math.round(rate / 1000)} kbit/s` : `${(rate / 1e6).toFixed(1)} Mbit/s`;
}

function duration(ms) {
  const seconds = Math.floor(ms / 1000);
  const two = (number) => String(number).padStart(2, "0");
  const days = Math.floor(seconds / 86400);
  const clock = `${Math.floor(seconds / 3600) % 24}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return days ? `${days} d ${clock}` : clock;
}

function startWatching(card) {
  card.screen.hidden = false;
  card.root.classList.add("watched");
  card.watch.setAttribute("aria-expanded", "true");
  card.watch.textContent = "Close";
  if (card.video.canPlayType(HLS_TYPE)) {
    load(card);
  } else {
    card.video.hidden = true;
    hint(card, "This browser does not play HLS by itself. Open the address below in VLC, mpv or another player.");
  }
}

function load(card) {
  card.video.src = card.hls;
  card.video.play().catch(() => {});
}

function retryLater(card) {
  if (card.screen.hidden || !card.video.hasAttribute("src")) return;
  hint(card, card.isWaiting ? NO_ENCODER : "Waiting for the first fragments…");
  clearTimeout(card.retry);
  // While the encoder is away, there is nothing but what has been seen.
  card.retry = setTimeout(() => (card.isWaiting ? retryLater(card) : card.screen.hidden || load(card)), RETRY_MS);
}

function stopWatching(card) {
  clearTimeout(card.retry);
  card.video.removeAttribute("src");
  card.video.load();
  card.screen.hidden = true;
  card.root.classList.remove("watched");
  card.watch.setAttribute("aria-expanded", "false");
  card.watch.textContent = "Watch";
}

function hint(card, text) {
  card.hint.hidden = !text;
  say(card.hint, text);
}

// With TLS if this page has come with it, as both have the same certificate then, or if no other port is reached from here.
function rtmpBase(app, { rtmp_port: plain, rtmp_is_local: isLocal, rtmps_port: encrypted }) {
  const isHere = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
  const isEncrypted = encrypted && (location.protocol.endsWith("s:") || !plain || (isLocal && !isHere));
  const [scheme, port, usual] = isEncrypted ? ["rtmps", encrypted, 443] : ["rtmp", plain, 1935];
  return `${scheme}://${location.hostname}${port === usual ? "" : `:${port}`}/${app}`;
}

function showApplications(list) {
  const select = byId("application");
  if (JSON.stringify(list) !== JSON.stringify(applications)) {
    applications = list;
    select.replaceChildren(...list.map((application) => new Option(application.name)));
    byId("choice").hidden = list.length < 2;
  }
  explain();
}

function explain() {
  const chosen = applications[Math.max(byId("application").selectedIndex, 0)];
  document.querySelector(".ways").hidden = !chosen;
  say(byId("publish-title"), chosen ? "Nothing is live yet" : "No application takes streams");
  if (!chosen) return;
  const base = rtmpBase(chosen.name, chosen);
  const encode = "-c:v libx264 -preset veryfast -pix_fmt yuv420p -g 60 -c:a aac";
  say(byId("obs-server"), base);
  say(byId("ffmpeg-test"), "ffmpeg -re -f lavfi -i testsrc2=size=1280x720:rate=30 -f lavfi -i sine=frequency=440 " +
    `${encode} -f flv ${base}/test`);
  say(byId("ffmpeg-file"), `ffmpeg -re -i video.mp4 ${encode} -f flv ${base}/test`);
}

byId("application").addEventListener("change", explain);

async function copy(source, button) {
  let done = true;
  try {
    await navigator.clipboard.writeText(source.textContent);
  } catch {
    // Without TLS there is no clipboard object; a selection can still be copied.
    getSelection().selectAllChildren(source);
    done = document.execCommand("copy");
  }
  say(byId("said"), done ? "Copied" : "Selected; copy it with the keyboard");
  button.textContent = done ? "Copied" : "Selected";
  setTimeout(() => { button.textContent = "Copy"; byId("said").textContent = ""; }, 1500);
}

for (const button of document.querySelectorAll("[data-copies]")) {
  button.addEventListener("click", () => copy(byId(button.dataset.copies), button));
}

poll();
