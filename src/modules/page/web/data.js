// What the server tells: its numbers each second, and facts of streams when they have changed. Nothing is asked while
// nobody looks, and nothing twice at once.

import { keep, kept } from "./text.js";

const PERIOD_MS = 1000;
const SLOWEST_MS = 8000;
const PATIENCE_MS = 10000;
const KEPT_MS = 60000; // an ended stream
const MAX_ASKED = 40; // streams by their ids; for more of them, all are asked for
const MAX_GAP = 3; // seconds; behind a longer one, the history is asked for again
export const HISTORY = 60;
const LISTS = ["bits", "pictures", "keys", "viewers"];

/** `streams`: "app/name" -> stream, also those that have ended a moment ago. `about`: what streams.json has beside them. */
export const state = { streams: new Map(), live: null, about: null, trouble: "", refused: false };

let byId = new Map();
let [run, shared, second] = ["", "", 0];
let [timer, isAsking, isHurried, failures] = [0, false, false, 0];
let followed = "";
let changed = () => {};

/** Asks each second, and calls `onchange` behind it. */
export function start(onchange) {
  changed = onchange;
  document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : poll()));
  poll();
}

/** Asks for the details of one stream, too; none if it is null. */
export function follow(stream) {
  const next = stream ? pathOf(stream) : "";
  if (next === followed) return;
  followed = next;
  poll();
}

export const pathOf = ({ app, name }) => `${encodeURIComponent(app)}/${encodeURIComponent(name)}`;
export const token = () => kept("token");

/** Whoever signs in or out sees other streams. */
export function sign(secret) {
  keep("token", secret);
  [shared, state.refused] = ["", false];
  poll();
}

export const headers = () => (token() ? { Authorization: `Bearer ${token()}` } : {});

export async function poll() {
  clearTimeout(timer);
  isHurried = isAsking;
  if (isAsking) return;
  isAsking = true;
  const began = performance.now();
  try {
    await ask(await get(`live.json${followed && `?of=${encodeURIComponent(decodeURIComponent(followed))}`}`));
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
  if (response.status === 401 && token()) {
    keep("token", "");
    [state.refused, isHurried] = [true, true];
  }
  if (!response.ok) throw new Error(`the server answers ${response.status}`);
  return response.json();
}

async function ask(live) {
  if (live.run !== run) byId = new Map();
  const isNew = live.run !== run || live.shared !== shared || live.second - second > MAX_GAP;
  const stale = live.streams.filter(([id, facts]) => byId.get(id)?.facts.facts !== facts).map(([id]) => id);
  if (isNew || stale.length > 0) {
    learn(await get(`streams.json${isNew || stale.length > MAX_ASKED ? "" : `?ids=${stale}`}`));
  }
  [run, shared, second] = [live.run, live.shared, live.second];
  take(live);
  state.live = live;
}

function learn({ streams, ...about }) {
  state.about = about;
  for (const facts of streams) {
    const key = `${facts.app}/${facts.name}`;
    const stream = state.streams.get(key) ?? begin(key, facts);
    byId.delete(stream.id);
    byId.set(facts.id, stream);
    const { second, ...history } = facts.history ?? { second: 0 };
    for (const name of LISTS) history[name] = (history[name] ?? []).slice(-HISTORY);
    Object.assign(stream, { id: facts.id, facts, history, second, since: performance.now() - facts.uptime_ms });
  }
}

const begin = (key, facts) => {
  const { app, name } = facts;
  const stream = { key, app, name, facts, second: 0, bits: 0, pictures: 0, keys: 0, viewers: 0, grace: 0, picture: 0, dropped: 0, recorded: 0, ended: 0, left: 0 };
  state.streams.set(key, stream);
  return stream;
};

const UNKNOWN = { codec: "", width: 0, in_hls: true };

function take(live) {
  const [present, now] = [new Set(), performance.now()];
  for (const [id, , ...numbers] of live.streams) {
    const stream = byId.get(id);
    if (!stream) continue;
    present.add(stream);
    [stream.bits, stream.pictures, stream.keys, stream.viewers, stream.grace, stream.picture, stream.dropped, stream.recorded] = numbers;
    [stream.ended, stream.left] = [0, 0];
    extend(stream, live.second);
  }
  const waiting = new Map(live.waiting.map(([app, name, left]) => [`${app}/${name}`, { app, name, left }]));
  for (const [key, { app, name }] of waiting) {
    if (!state.streams.has(key)) begin(key, { app, name, video: UNKNOWN, audio: UNKNOWN, codecs: {}, warnings: [], recordings: [], hls: null, flv: null, base: null });
  }
  // Of more than are listed, one that is missing need not have ended.
  const isWhole = live.totals.streams <= live.streams.length;
  for (const [key, stream] of state.streams) {
    if (present.has(stream)) continue;
    stream.ended ||= now;
    stream.left = waiting.get(key)?.left ?? 0;
    Object.assign(stream, { bits: 0, pictures: 0, viewers: 0, grace: 0 });
    if (!stream.left && (now - stream.ended > KEPT_MS || !isWhole)) {
      state.streams.delete(key);
      byId.delete(stream.id);
    }
  }
}

/** Adds the numbers of a second; one that was missed had the same. */
function extend(stream, second) {
  const { history } = stream;
  for (; history && stream.second < second; stream.second++) {
    for (const name of LISTS) {
      history[name].push(name === "keys" && stream.second + 1 < second ? 0 : stream[name]);
      if (history[name].length > HISTORY) history[name].shift();
    }
  }
}

/** What the page shows as one: a stream, or the variants of one, of which the largest leads. */
export function views() {
  const found = new Map();
  for (const stream of state.streams.values()) {
    const key = stream.facts.base ? `${stream.app}/${stream.facts.base}` : stream.key;
    if (!found.has(key)) found.set(key, []);
    found.get(key).push(stream);
  }
  return [...found].map(([key, members]) => viewOf(key, members));
}

/** The variants of `key`, or the one stream of that name; null if there is none. */
export function viewAt(key) {
  const one = state.streams.get(key);
  const members = [...state.streams.values()].filter(({ app, facts }) => facts.base && `${app}/${facts.base}` === key);
  if (!one && members.length === 0) return null;
  return viewOf(key, members.length > 0 ? members : [one]);
}

function viewOf(key, all) {
  const live = all.filter((one) => !one.ended);
  const members = live.length > 0 ? live : all;
  const height = (one) => one.facts.video.height ?? 0;
  const lead = members.reduce((best, one) => (height(one) > height(best) ? one : best));
  const sum = (name) => members.reduce((total, one) => total + one[name], 0);
  const { app } = lead;
  return {
    key, app, name: key.slice(app.length + 1), members, lead, variants: key === lead.key ? 0 : members.length,
    bits: sum("bits"), viewers: sum("viewers"), dropped: sum("dropped"), recorded: sum("recorded"),
    ended: lead.ended, left: Math.max(lead.left, lead.grace), since: lead.since ?? performance.now(),
  };
}
