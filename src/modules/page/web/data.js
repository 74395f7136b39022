// What the server tells: its numbers each second, and facts of streams when they have changed. Nothing is asked while
// nobody looks, and nothing twice at once.

import { chosen } from "./text.js";

const PERIOD_MS = 1000;
const SLOWEST_MS = 8000;
const PATIENCE_MS = 10000;
const KEPT_MS = 60000; // a stream that has ended
const MAX_ASKED = 40; // streams by their ids; for more, all are asked for
const MAX_GAP = 3; // seconds that are missing in a history before it is asked for again
export const HISTORY = 60;
const LISTS = ["bits", "pictures", "keys", "viewers"];

/** `streams`: "app/name" -> stream, live or ended a moment ago. `about`: what streams.json has beside them. */
export const state = { streams: new Map(), live: null, about: null, trouble: "", isRefused: false };

let byNumber = new Map(); // id -> stream
let [run, shared, second, followed] = ["", "", 0, ""];
let [timer, isAsking, isHurried, failures] = [0, false, false, 0];
let changed = () => {};

export function start(onchange) {
  changed = onchange;
  document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : poll()));
  poll();
}

/** Asks for the details of the stream "app/name", too. */
export function follow(key) {
  if (key === followed) return;
  followed = key;
  poll();
}

export const pathOf = ({ app, name }) => `${app}/${name}`.split("/").map(encodeURIComponent).join("/");
export const headers = () => (chosen.token ? { Authorization: `Bearer ${chosen.token}` } : {});

/** Whoever signs in or out sees other streams. */
export function sign(token) {
  chosen.token = token;
  shared = "";
  poll();
}

async function poll() {
  clearTimeout(timer);
  isHurried = isAsking;
  if (isAsking) return;
  isAsking = true;
  const began = performance.now();
  try {
    await ask(await get(`live.json${followed && `?of=${encodeURIComponent(followed)}`}`));
    [failures, state.trouble] = [0, ""];
  } catch (error) {
    failures += 1;
    state.trouble = `No news from the server; trying again. (${error.message})`;
  }
  isAsking = false;
  changed();
  const took = performance.now() - began;
  const wait = failures ? Math.min(PERIOD_MS * 2 ** (failures - 1), SLOWEST_MS) : Math.max(PERIOD_MS - took, took / 2);
  if (!document.hidden) timer = setTimeout(poll, isHurried ? 0 : wait);
}

async function get(path) {
  const response = await fetch(path, { cache: "no-store", headers: headers(), signal: AbortSignal.timeout(PATIENCE_MS) });
  if (response.status === 401 && chosen.token) {
    chosen.token = "";
    state.isRefused = isHurried = true;
  }
  if (!response.ok) throw new Error(`the server answers ${response.status}`);
  return response.json();
}

async function ask(live) {
  if (live.run !== run) byNumber = new Map();
  const isNew = live.run !== run || live.shared !== shared || live.second - second > MAX_GAP;
  const stale = live.streams.filter(([id, hash]) => byNumber.get(id)?.facts.facts !== hash).map(([id]) => id);
  const isAll = isNew || stale.length > MAX_ASKED;
  if (isAll || stale.length > 0) learn(await get(`streams.json${isAll ? "" : `?ids=${stale}`}`));
  [run, shared, second, state.live] = [live.run, live.shared, live.second, live];
  take(live);
}

function learn({ streams, ...about }) {
  state.about = about;
  for (const facts of streams) {
    const { id, app, name, history } = facts;
    const key = `${app}/${name}`;
    const stream = state.streams.get(key) ?? { key, app, name };
    byNumber.delete(stream.id);
    byNumber.set(id, stream);
    state.streams.set(key, stream);
    Object.assign(stream, { id, facts, history, second: history.second, since: performance.now() - facts.uptime_ms });
  }
}

function take(live) {
  const [present, now] = [new Set(), performance.now()];
  for (const [id, , bits, pictures, keys, viewers, left, picture, dropped, recorded] of live.streams) {
    const stream = byNumber.get(id);
    if (!stream) continue;
    present.add(stream);
    Object.assign(stream, { bits, pictures, keys, viewers, left, picture, dropped, recorded, ended: 0 });
    extend(stream, live.second);
  }
  const waiting = new Map(live.waiting.map(([app, name, left]) => [`${app}/${name}`, left]));
  // Of more than are listed, one that is missing need not have ended.
  const keptFor = live.totals.streams > live.streams.length ? 0 : KEPT_MS;
  for (const [key, stream] of state.streams) {
    if (present.has(stream)) continue;
    Object.assign(stream, { bits: 0, pictures: 0, viewers: 0, ended: stream.ended || now, left: waiting.get(key) ?? 0 });
    if (stream.left || now - stream.ended < keptFor) continue;
    state.streams.delete(key);
    byNumber.delete(stream.id);
  }
}

/** Adds the numbers of a second; one that was missed had the same, but no key frame. */
function extend(stream, second) {
  for (; stream.second < second; stream.second++) {
    for (const name of LISTS) {
      const list = stream.history[name];
      list.push(name === "keys" && stream.second + 1 < second ? 0 : stream[name]);
      if (list.length > HISTORY) list.shift();
    }
  }
}

/** What is shown as one: a stream, or the variants of one, of which the largest leads. */
export function views() {
  const found = new Map();
  for (const stream of state.streams.values()) {
    const { app, base } = stream.facts;
    const key = base ? `${app}/${base}` : stream.key;
    found.set(key, [...(found.get(key) ?? []), stream]);
  }
  return [...found].map(([key, members]) => viewOf(key, members));
}

/** That of a stream, of variants, or of one of them; undefined if there is none. */
export function viewAt(key) {
  const one = state.streams.get(key);
  return views().find((view) => view.key === key) ?? (one && viewOf(key, [one]));
}

function viewOf(key, all) {
  const live = all.filter((one) => !one.ended);
  const members = live.length > 0 ? live : all;
  const lead = members.reduce((best, one) => (one.facts.video.height > best.facts.video.height ? one : best));
  const sum = (name) => members.reduce((total, one) => total + one[name], 0);
  const { app, ended, left, since } = lead;
  const sums = { bits: sum("bits"), viewers: sum("viewers"), dropped: sum("dropped"), recorded: sum("recorded") };
  return { key, app, name: key.slice(app.length + 1), members, lead, ended, left, since, variants: key === lead.key ? 0 : members.length, ...sums };
}
