// The page of one stream: it plays it, and tells everything of it. It stays when the stream ends.

import { act, isOperator, question } from "./act.js";
import { notesOf, showBadge, sourceOf, toNote, verdictOf } from "./card.js";
import { follow, pathOf, state, viewAt } from "./data.js";
import { Player, withQuery } from "./player/player.js";
import { drawRates, drawViewers, prepare } from "./plot.js";
import { rtmpBase } from "./publish.js";
import { ago, button, byId, duration, lines, make, many, rate, renew, say, size, table } from "./text.js";
import { want } from "./thumbnails.js";

const MAX_QR = 300; // bytes

let key = ""; // "app/name" of the stream that is shown
let view = null; // what is known of it, also when it has ended
let player = null;
let wantsPlay = false;
const [rates, viewers] = document.querySelectorAll("#page .plot");
prepare(rates, () => view && drawRates(rates, view.lead.history));
prepare(viewers, () => view && drawViewers(viewers, view.lead.history));

/** Shows the stream "app/name", and plays it; none for "". */
export function openStream(next) {
  if (next === key) return;
  stop();
  [key, view, wantsPlay] = [next, null, true];
  byId("screen").className = "";
  byId("share").open = false;
  follow(next);
}

export function updateStream() {
  view = viewAt(key) ?? (view && { ...view, bits: 0, viewers: 0, left: 0, ended: view.ended || performance.now() });
  const slash = key.lastIndexOf("/");
  say(byId("name"), key.slice(slash + 1));
  say(byId("application"), `in ${key.slice(0, slash)}`);
  byId("known").hidden = byId("badge").hidden = !view;
  byId("absent").hidden = Boolean(view);
  if (!view) return;
  follow(view.lead.key);
  showBadge(byId("badge"), view);
  if (wantsPlay && !player && !view.ended) play();
  showPlaying();
  showFacts(state.live.detail ?? {});
  [rates, viewers].forEach((plot) => plot.width && plot.redraw());
  want(byId("poster").firstChild, view.lead);
}

function play() {
  const { flv, hls } = sourceOf(view);
  wantsPlay = false;
  if (!verdictOf(view).plays) return;
  player = new Player(byId("player"), { name: view.name, flv, hls, onchange: showPlaying });
  showPlaying();
}

function stop() {
  player?.close();
  player = null;
  showPlaying();
}

const DOING = { connecting: "Connecting…", waiting: "Waiting for the encoder…", ended: "The stream has ended" };

function showPlaying() {
  byId("player").hidden = !player;
  byId("poster").hidden = Boolean(player);
  const canStart = view && !view.ended && verdictOf(view).plays;
  byId("watch").hidden = !player && !canStart;
  byId("poster").disabled = !canStart;
  say(byId("watch"), player ? "Close" : "Watch");
  if (!player) return say(byId("playing"), view ? verdictOf(view).why : "");
  const { state: doing, why, via, delay } = player;
  const behind = delay === null ? "" : `${delay.toFixed(1)} s behind`;
  say(byId("playing"), doing === "playing" ? ["Playing", behind, via].filter(Boolean).join(" · ") : why || DOING[doing] || "");
}

function showFacts({ players = [], tracks = [], relays, recordings, events = [], ...told }) {
  const { lead, variants, members } = view;
  const { facts } = lead;
  const { video, audio } = facts;
  renew(byId("notes"), notesOf(view, true), toNote);
  table(byId("numbers"), [
    ["Live for", view.ended ? "–" : duration(performance.now() - view.since)],
    ["Bit rate", rate(view.bits)],
    ["Frame rate", video.codec && `${lead.pictures} fps`],
    ["Viewers", `${view.viewers}`],
    ["Out", rate(told.bits_out ?? 0)],
  ]);
  table(byId("details"), [
    ["Viewers", players.filter(({ count }) => count).map(({ protocol, count }) => `${count} ${protocol}`).join(", ")],
    ["Picture", video.width && `${video.width}×${video.height}${video.frame_rate ? ` ${Number(video.frame_rate.toFixed(2))} fps` : ""}`],
    ["Video", video.codec],
    ["Key frames", told.key_interval_ms && `every ${told.key_interval_ms / 1000} s`],
    ["Audio", [audio.codec, audio.sample_rate && `${audio.sample_rate / 1000} kHz`, ["", "mono", "stereo"][audio.channels] ?? `${audio.channels} channels`].filter(Boolean).join(" ")],
    ["Sound is", told.audio_lead_ms && `${Math.abs(told.audio_lead_ms)} ms ${told.audio_lead_ms > 0 ? "ahead" : "behind"}`],
    ["Tracks", tracks.length > 2 && tracks.map(({ kind, number, codec }) => `${kind} ${number}: ${codec}`).join(", ")],
    ["Encoder", told.encoder],
    ["Dropped", told.dropped > 0 && `${many(told.dropped, "frame")} for slow players`],
  ]);
  list("variants", variants > 1 ? members.map(({ app, name, facts }) => ({ app, name, height: facts.video.height })) : [], toVariant);
  const records = (recordings ?? facts.recordings).map((one) => ({ ...one, mayStop: isOperator() }));
  list("recordings", records.filter(({ file, mayStop }) => file || mayStop), toRecording);
  list("relays", relays ?? facts.relays ?? [], toRelay);
  list("events", events.map(({ ago_ms, text }) => `${ago(ago_ms)}: ${text}`), (text) => make("li", "", text));
  byId("actions").hidden = !isOperator() || view.ended > 0;
  showAddresses(facts);
}

function list(id, items, toElement) {
  renew(byId(id), items, toElement);
  byId(id).parentElement.hidden = items.length === 0;
}

function toVariant({ app, name, height }) {
  const link = make("a", "", name);
  link.href = `#${pathOf({ app, name })}`;
  return make("li", "", link, height ? ` ${height}p` : "");
}

const RECORDS = { recording: "is written", waiting: "waits for a frame to begin with", failing: "fails; the log says why", stopped: "stopped" };

function toRecording({ recorder, file, state, bytes, mayStop }) {
  const isOn = state !== "stopped";
  const words = [file, RECORDS[state], bytes && size(bytes)].filter(Boolean).join(", ");
  const verb = isOn ? "Stop" : "Start";
  const body = { action: verb.toLowerCase(), ...(recorder && { recorder }) };
  const press = () => act(`streams/${pathOf(view.lead)}/record`, body);
  return make("li", "", `${recorder || "Recorder"}: ${words} `, ...(mayStop ? [button(verb, `${verb} recorder ${recorder}`, press)] : []));
}

const RELAYS = { connecting: "connects", waiting: "waits for the next try", standby: "on standby" };

/** To another server, or from it. */
function toRelay({ kind, target, state, bits_per_second: bits, dropped, reconnects, error }) {
  const parts = [RELAYS[state] ?? rate(bits), error, dropped && `${dropped} dropped`, reconnects && many(reconnects, "reconnect")];
  return make("li", error ? "bad" : "", `${kind === "push" ? "→" : "←"} ${target ?? "another server"}: ${parts.filter(Boolean).join(", ")}`);
}

function showAddresses({ rtmp_port, rtmps_port, flv, hls, master, video, audio }) {
  const base = rtmpBase(view.app, view.lead.facts);
  const rows = [[base.startsWith("rtmps:") ? "RTMPS" : "RTMP", (rtmp_port || rtmps_port) && `${base}/${encodeURI(view.lead.name)}`]];
  const isInHls = video.in_hls || audio.in_hls || !(video.codec || audio.codec);
  rows.push(["FLV", withQuery(flv)], ["HLS", hls && isInHls && withQuery((view.variants && master) || hls)]);
  const offered = rows.filter(([, url]) => url);
  lines(byId("addresses"), offered.map(([label, url]) => [label, url, `the ${label} address of ${view.name}`]));
  if (byId("share").open) share();
}

function share() {
  const { href } = location;
  const embed = withQuery(new URL(`embed/${pathOf(view)}`, href).pathname);
  const code = `<iframe src="${embed}" width="640" height="360" allow="autoplay; fullscreen" allowfullscreen></iframe>`;
  lines(byId("links"), [["Page", href, "the address of this page"], ["Player", embed, "the address of the player"], ["", code, "the code for a web page"]]);
  lines(byId("permit"), [["", "page_embed https://example.com;", "the line for the configuration"]]);
  const sites = state.about.embed.filter((source) => source !== "'self'");
  say(byId("allowed"), sites.length > 0 ? `Now these may: ${sites.join(" ")}` : "Now only pages of this server may.");
  byId("qr").hidden = new TextEncoder().encode(href).length > MAX_QR;
  const qr = `qr.svg?text=${encodeURIComponent(href)}`;
  if (byId("qr").getAttribute("src") !== qr) byId("qr").src = qr;
}

byId("poster").addEventListener("click", play);
byId("watch").addEventListener("click", () => (player ? stop() : play()));
byId("share").addEventListener("toggle", () => view && updateStream());
byId("kick").addEventListener("click", () => {
  const { lead } = view;
  question(`Kick the encoder of ${lead.key}?`, "Its stream ends at once. Most encoders come again after a moment.", "Kick",
    () => act(`streams/${pathOf(lead)}/kick`));
});
