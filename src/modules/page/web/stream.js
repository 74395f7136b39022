// The page of one stream: it plays it, and tells everything of it. It stays when the stream ends.

import { act, isOperator, question } from "./act.js";
import { notesOf, showBadge, sourceOf, toNote, verdictOf } from "./card.js";
import { follow, pathOf, state, viewAt } from "./data.js";
import { Player, whyNot, withQuery } from "./player/player.js";
import { drawRates, drawViewers, prepare } from "./plot.js";
import { rtmpBase } from "./publish.js";
import { addressOf } from "./recordings.js";
import { ago, button, byId, duration, items, lines, make, many, rate, renew, say, size, table } from "./text.js";
import { clear, want } from "./thumbnails.js";

const MAX_QR = 300; // bytes

let key = ""; // "app/name" of the stream that is shown
let view = null; // what is known of it, also when it has ended
let player = null;
let wantsPlay = false;
let isRest = false; // the player has what is left of a stream that has ended
let sights = 0;
const poster = byId("poster").firstChild;
const [rates, viewers] = document.querySelectorAll("#page .plot");
prepare(rates, () => view && drawRates(rates, view.lead.history));
prepare(viewers, () => view && drawViewers(viewers, view.lead.history));

/** Shows the stream "app/name", and plays it; none for "". */
export function openStream(next) {
  if (next === key) return;
  stop();
  [key, view, wantsPlay] = [next, null, true];
  clear(poster);
  byId("share").open = false;
  follow(next);
}

export function updateStream() {
  if (sights !== state.sights) forget();
  view = viewAt(key) ?? (view && { ...view, bits: 0, viewers: 0, left: 0, ended: view.ended || performance.now() });
  const slash = key.lastIndexOf("/");
  say(byId("name"), key.slice(slash + 1));
  say(byId("application"), `in ${key.slice(0, slash)}`);
  const recorded = addressOf(key.slice(0, slash), key.slice(slash + 1));
  byId("recorded").hidden = !recorded;
  byId("recorded").href = recorded ?? "#";
  byId("known").hidden = byId("badge").hidden = !view;
  byId("absent").hidden = Boolean(view);
  if (!view) return;
  follow(view.lead.key);
  showBadge(byId("badge"), view);
  if (isRest && !view.ended) {
    stop();
    wantsPlay = true;
  }
  if (wantsPlay && !player && !view.ended) play();
  showPlaying();
  showFacts((state.of === view.lead.key && state.live.detail) || {});
  [rates, viewers].forEach((plot) => plot.width && plot.redraw());
  if (!player) want(poster, view.lead);
}

/** Other streams are seen now, perhaps not this one. */
function forget() {
  sights = state.sights;
  if (viewAt(key)) return;
  stop();
  clear(poster);
  view = null;
}

function play() {
  wantsPlay = false;
  if (!canStart()) return;
  isRest = view.ended > 0;
  const { flv, hls } = isRest ? { flv: null, hls: restOf(view) } : sourceOf(view);
  player = new Player(byId("player"), { name: view.name, flv, hls, onchange: showPlaying });
  showPlaying();
}

function stop() {
  player?.close();
  [player, isRest] = [null, false];
  showPlaying();
}

/** What is left of a stream that has ended: its playlist. */
const restOf = ({ lead, variants }) => (variants && lead.facts.master) || lead.facts.hls;

function canStart() {
  if (!view?.ended) return view !== null && verdictOf(view).plays;
  const { facts } = view.lead;
  const inHls = { video: facts.video.in_hls, audio: facts.audio.in_hls };
  return whyNot({ codecs: facts.codecs, flv: null, hls: restOf(view), in_hls: inHls }).plays;
}

const DOING = { connecting: "Connecting…", waiting: "Waiting for the encoder…", ended: "The stream has ended" };

function showPlaying() {
  byId("player").hidden = !player;
  byId("poster").hidden = Boolean(player);
  const isOpen = canStart();
  byId("watch").hidden = !player && !isOpen;
  byId("poster").disabled = !isOpen;
  const verb = view?.ended ? "Watch what is left" : "Watch";
  say(byId("watch"), player ? "Close" : verb);
  say(byId("poster").lastChild, verb);
  say(byId("playing"), player ? wordsOf(player) : view && !view.ended ? verdictOf(view).why : "");
  // It changes each second, so it is beside what a screen reader says.
  say(byId("behind"), player?.state === "playing" && !view?.left && player.delay !== null ? `${player.delay.toFixed(1)} s behind` : "");
}

function wordsOf({ state: doing, why, via }) {
  if (why.startsWith("Refused") && state.about?.sees_all) return `${why} The token shows this stream. To play it, open this page with what it asks for.`;
  if (doing !== "playing") return why || DOING[doing] || "";
  if (view?.left) return DOING.waiting;
  return view?.ended ? "The stream has ended; this is what is left of it" : ["Playing", via].filter(Boolean).join(" · ");
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
  const others = variants > 1 ? members : [];
  items(byId("variants"), others.map(({ app, name, facts }) => [{ app, name }, facts.video.height ? `${facts.video.height}p` : ""]), toVariant);
  items(byId("recordings"), (recordings ?? facts.recordings).filter(({ file }) => file || isOperator()).map(recordingRow), toRecording);
  items(byId("relays"), (relays ?? facts.relays ?? []).map(relayRow), toRelay);
  items(byId("events"), events.map(({ ago_ms, text }) => [text, `${ago(ago_ms)}: `]), (text) => make("li", "", make("span"), text));
  byId("actions").hidden = !isOperator() || view.ended > 0;
  say(byId("kick"), variants > 1 ? "Kick the encoders" : "Kick the encoder");
  showAddresses(facts);
}

function toVariant({ app, name }) {
  const link = make("a", "", name);
  link.href = `#${pathOf({ app, name })}`;
  return make("li", "", link, " ", make("span"));
}

const RECORDS = { recording: "is written", waiting: "waits for a frame to begin with", failing: "fails; the log says why", stopped: "stopped" };

function recordingRow({ recorder, file, state, bytes }) {
  const words = [file, RECORDS[state], bytes && size(bytes)].filter(Boolean).join(", ");
  return [{ recorder, isOn: state !== "stopped", mayStop: isOperator() }, words];
}

function toRecording({ recorder, isOn, mayStop }) {
  const verb = isOn ? "Stop" : "Start";
  const body = { action: verb.toLowerCase(), ...(recorder && { recorder }) };
  const press = () => act([`streams/${pathOf(view.lead)}/record`], body);
  return make("li", "", `${recorder || "Recorder"}: `, make("span"), ...(mayStop ? [" ", button(verb, `${verb} recorder ${recorder}`, press)] : []));
}

const RELAYS = { connecting: "connects", waiting: "waits for the next try", standby: "on standby" };

/** To another server, or from it. */
function relayRow({ kind, target, state, bits_per_second: bits, dropped, reconnects, error }) {
  const parts = [RELAYS[state] ?? rate(bits), error, dropped && `${dropped} dropped`, reconnects && many(reconnects, "reconnect")];
  return [{ kind, target, isBad: Boolean(error) }, parts.filter(Boolean).join(", ")];
}

function toRelay({ kind, target, isBad }) {
  return make("li", isBad ? "bad" : "", `${kind === "push" ? "→" : "←"} ${target ?? "another server"}: `, make("span"));
}

function showAddresses({ rtmp_port, rtmps_port, flv, hls, master, video, audio }) {
  const base = rtmpBase(view.app, view.lead.facts);
  const rows = [[base.startsWith("rtmps:") ? "RTMPS" : "RTMP", (rtmp_port || rtmps_port) && `${base}/${encodeURI(view.lead.name)}${location.search}`]];
  const isInHls = video.in_hls || audio.in_hls || !(video.codec || audio.codec);
  rows.push(["FLV", withQuery(flv)], ["HLS", hls && isInHls && withQuery((view.variants && master) || hls)]);
  const offered = rows.filter(([, url]) => url);
  lines(byId("addresses"), offered.map(([label, url]) => [label, url, `the ${label} address of ${view.name}`]));
  if (byId("share").open) share();
}

function share() {
  const { href } = location;
  const embed = withQuery(new URL(`embed/${pathOf(view)}`, href).pathname);
  const code = `<iframe src="${embed}" width="640" height="360" allow="autoplay; fullscreen; picture-in-picture" style="border: 0"></iframe>`;
  lines(byId("links"), [["Page", href, "the address of this page"], ["Player", embed, "the address of the player"], ["", code, "the code for a web page"]]);
  lines(byId("permit"), [["", "page_embed https://example.com;", "the line for the configuration"]]);
  const sites = state.about.embed.filter((source) => source !== "'self'");
  const now = sites.length > 0 ? `Now these may: ${sites.join(" ")}` : "Now only pages of this server may.";
  say(byId("allowed"), sites[0] === "'none'" ? "Now no page may." : sites[0] === "*" ? "Now every page may." : now);
  byId("keyed").hidden = !location.search;
  byId("qr").hidden = new TextEncoder().encode(href).length > MAX_QR;
  const qr = `qr.svg?text=${encodeURIComponent(href)}`;
  if (byId("qr").getAttribute("src") !== qr) byId("qr").src = qr;
}

byId("poster").addEventListener("click", play);
byId("watch").addEventListener("click", () => (player ? stop() : play()));
byId("share").addEventListener("toggle", () => view && updateStream());
byId("kick").addEventListener("click", () => {
  const paths = view.members.map((one) => `streams/${pathOf(one)}/kick`);
  const [title, text] = view.variants > 1
    ? [`Kick the encoders of ${view.key}?`, `Its ${view.variants} variants end at once. Most encoders come again after a moment.`]
    : [`Kick the encoder of ${view.lead.key}?`, "Its stream ends at once. Most encoders come again after a moment."];
  question(title, text, "Kick", () => act(paths));
});
