// The page of one stream: it plays it, and tells everything of it. It stays when the stream ends.

import { act, mayAct } from "./act.js";
import { cannotPlay, noteOf, notesOf, showBadge, sourceOf } from "./card.js";
import { follow, pathOf, state, viewAt } from "./data.js";
import { Player } from "./player/player.js";
import { drawRates, drawViewers, prepare } from "./plot.js";
import { rtmpBase } from "./publish.js";
import { ago, byId, duration, fill, lines, make, many, picture, rate, say, size, sound, table } from "./text.js";
import { want } from "./thumbnails.js";

let key = ""; // of the stream that is shown
let view = null;
let player = null;
let source = "";
let wantsPlay = false;
const plots = document.querySelectorAll("#page .plot");
prepare(plots[0], () => view?.lead.history && drawRates(plots[0], view.lead.history));
prepare(plots[1], () => view?.lead.history && drawViewers(plots[1], view.lead.history));

/** Opens the page of "app/name", and plays; closes it for "". */
export function openStream(next) {
  if (next === key) return;
  stop();
  [key, view, wantsPlay] = [next, null, next !== ""];
  byId("poster").classList.remove("drawn");
  byId("share").open = false;
  if (!key) follow(null);
}

export function updateStream() {
  if (!key) return;
  view = viewAt(key) ?? (view && { ...view, bits: 0, viewers: 0, ended: view.ended || performance.now(), left: 0 });
  const slash = key.indexOf("/");
  const [app, name] = [key.slice(0, slash), key.slice(slash + 1)];
  say(byId("name"), name);
  say(byId("application"), `in ${app}`);
  byId("badge").hidden = !view;
  if (!view) {
    say(byId("playing"), state.live ? "It is not live. This page shows it as soon as it is." : "");
    follow({ app, name });
    return;
  }
  follow(view.lead);
  showBadge(byId("badge"), view);
  if (wantsPlay && !player && !view.ended) play();
  else if (player && !view.ended && JSON.stringify(sourceOf(view)) !== source && player.state === "failed") play();
  showPlaying();
  showFacts(view, state.live?.detail);
  if (view.lead.history) plots.forEach((plot) => plot.redraw());
  if (!player) want(document.querySelector("#poster canvas"), view.lead);
}

function play() {
  player?.close();
  wantsPlay = true;
  const chosen = sourceOf(view);
  source = JSON.stringify(chosen);
  byId("player").replaceChildren();
  const isPlayable = (chosen.flv || chosen.hls) && !cannotPlay(view);
  player = isPlayable ? new Player(byId("player"), { name: view.name, flv: chosen.flv, hls: chosen.hls, onchange: showPlaying }) : null;
  wantsPlay = player !== null;
  showPlaying();
}

function stop() {
  player?.close();
  [player, wantsPlay] = [null, false];
  byId("player").replaceChildren();
  showPlaying();
}

const STATES = { connecting: "Connecting…", waiting: "Waiting for the encoder…", ended: "Ended", blocked: "Press play: this browser starts nothing by itself", failed: "" };

function showPlaying() {
  byId("player").hidden = !player;
  byId("poster").hidden = player !== null;
  const why = view ? cannotPlay(view) : "";
  byId("poster").disabled = byId("watch").hidden = !view || (view.ended > 0 && !player) || (why !== "" && !player);
  say(byId("watch"), player ? "Close" : "Watch");
  if (!player) return view && say(byId("playing"), why);
  const delay = player.delay === null ? "" : `${player.delay.toFixed(1)} s behind`;
  const parts = player.state === "playing" ? ["Playing", delay, player.via] : [STATES[player.state], player.why];
  say(byId("playing"), parts.filter(Boolean).join(" · "));
}

function showFacts(view, detail) {
  const { lead } = view;
  const { facts } = lead;
  const told = detail ?? {};
  const notes = notesOf(view).filter(([kind]) => kind !== "bad" );
  const warnings = [...new Set([...(told.warnings ?? facts.warnings), ...notesOf(view).filter(([, text]) => /dropped|fails:/.test(text)).map(([, text]) => text)])];
  const all = [...notes, ...warnings.map((text) => ["bad", text])];
  fill(byId("notes"), all.map(noteOf), all.join());
  table(byId("numbers"), [
    ["Live for", view.ended ? "–" : duration(performance.now() - view.since)],
    ["Bit rate", view.ended ? "–" : rate(view.bits)],
    ["Frame rate", facts.video.codec && `${lead.pictures} fps`],
    ["Viewers", String(view.viewers)],
    ["Out", rate(told.bits_out ?? 0)],
  ]);
  table(byId("details"), [
    ["Viewers", (told.players ?? []).filter(({ count }) => count).map(({ protocol, count }) => `${count} ${protocol}`).join(", ")],
    ["Picture", picture(facts.video)],
    ["Video", facts.video.codec],
    ["Key frames", told.key_interval_ms ? `every ${Number((told.key_interval_ms / 1000).toFixed(2))} s` : ""],
    ["Audio", sound(facts.audio)],
    ["Sound is", told.audio_lead_ms ? `${Math.abs(told.audio_lead_ms)} ms ${told.audio_lead_ms > 0 ? "ahead" : "behind"}` : ""],
    ["Tracks", (told.tracks ?? []).length > 2 ? told.tracks.map(({ kind, number, codec }) => `${kind} ${number}: ${codec}`).join(", ") : ""],
    ["Encoder", told.encoder],
    ["Dropped", told.dropped ? `${many(told.dropped, "frame")} for slow players` : ""],
  ]);
  section("variants", view.variants > 1 ? view.members.map(variant) : [], view.members.map((one) => [one.key, one.facts.facts]).join());
  const recordings = told.recordings ?? facts.recordings ?? [];
  section("recordings", recordings.map((one) => recording(view.lead, one)), JSON.stringify([recordings, mayAct()]));
  section("relays", (told.relays ?? facts.relays ?? []).map(relayText));
  section("events", (told.events ?? []).map((event) => `${ago(event.ago_ms)}: ${event.text}`));
  showAddresses(view);
  byId("actions").hidden = !mayAct() || view.ended > 0;
}

function section(id, items, isSame) {
  fill(byId(id), items, isSame);
  byId(id).parentElement.hidden = items.length === 0;
}

function variant({ app, name, facts }) {
  const link = make("a", "", name);
  link.href = `#${pathOf({ app, name })}`;
  return make("li", "", link, ` ${picture(facts.video)}`);
}

const RECORDS = { recording: "is written", waiting: "waits for a frame to begin with", failing: "fails; the log says why", stopped: "stopped" };

function recording(stream, { recorder, file, state: how, bytes, manual }) {
  const runs = how !== "stopped";
  const item = make("li", "", `${recorder ? `${recorder}: ` : ""}${file || "no file"} ${RECORDS[how] ?? how}${bytes ? `, ${size(bytes)}` : ""} `);
  if (mayAct() && (manual || runs)) {
    const button = make("button", "copy", runs ? "Stop" : "Start");
    button.type = "button";
    button.setAttribute("aria-label", `${button.textContent} recorder ${recorder}`);
    button.addEventListener("click", () => act(`streams/${pathOf(stream)}/record`, { action: runs ? "stop" : "start", ...(recorder && { recorder }) }));
    item.append(button);
  }
  return item;
}

const RELAYS = { connecting: "connects", waiting: "waits for the next try", standby: "on standby" };

/** To another server, or from it. */
function relayText({ kind, target, state: how, bits_per_second: bits, dropped, reconnects, error }) {
  const parts = [how === "running" ? rate(bits) : RELAYS[how] ?? how];
  if (error) parts.push(error);
  if (dropped > 0) parts.push(`${dropped} dropped`);
  if (reconnects > 0) parts.push(many(reconnects, "reconnect"));
  return `${kind === "push" ? "→" : "←"} ${target || (kind === "push" ? "another server" : "from another server")}: ${parts.join(", ")}`;
}

/** A path of this server, which may have a query of its own. Who has opened the page with a key watches with it. */
function webUrl(path) {
  return new URL(path + (path.includes("?") ? location.search.replace("?", "&") : location.search), location.href).href;
}

function showAddresses({ lead, app, name, key, variants }) {
  const { facts } = lead;
  const base = rtmpBase(app, facts);
  const kind = base.startsWith("rtmps:") ? "RTMPS" : "RTMP";
  const rows = [[kind, facts.rtmp_port || facts.rtmps_port ? `${base}/${encodeURI(lead.name)}` : ""], ["FLV", facts.flv && webUrl(facts.flv)], ["HLS", (variants ? facts.master : null) ?? facts.hls]];
  const isEmpty = (facts.video.codec || facts.audio.codec) && !facts.video.in_hls && !facts.audio.in_hls;
  rows[2][1] = rows[2][1] && !isEmpty ? webUrl(rows[2][1]) : "";
  lines(byId("addresses"), rows.filter(([, url]) => url).map(([label, url]) => [label, url, `the ${label} address of ${name}`]));
  if (!byId("share").open) return;
  const here = location.href;
  const embed = webUrl(new URL(`embed/${pathOf({ app, name })}`, location.href).pathname);
  const code = `<iframe src="${embed}" width="640" height="360" allow="autoplay; fullscreen" allowfullscreen></iframe>`;
  lines(byId("links"), [["Page", here, "the address of this page"], ["Player", embed, "the address of the player"], ["", code, "the code for a web page"]]);
  lines(byId("permit"), [["", "page_embed https://example.com;", "the line for the configuration"]]);
  const others = (state.about?.embed ?? []).filter((source) => source !== "'self'");
  say(byId("allowed"), others.length > 0 ? `Now these may: ${others.join(" ")}` : "Now only pages of this server may.");
  const qr = `qr.svg?text=${encodeURIComponent(here)}`;
  byId("qr").hidden = new TextEncoder().encode(here).length > 300;
  if (!byId("qr").hidden && byId("qr").getAttribute("src") !== qr) byId("qr").src = qr;
}

byId("poster").addEventListener("click", play);
byId("watch").addEventListener("click", () => (player ? stop() : play()));
byId("share").addEventListener("toggle", () => view && showAddresses(view));
