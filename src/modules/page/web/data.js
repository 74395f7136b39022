// What the server tells: its numbers each second, and facts of streams when they have changed. Nothing is asked while
// nobody looks, and nothing twice at once.

import { chosen } from "./text.js";

const PERIOD_MS = 1000;
const SLOWEST_MS = 8000;
const PATIENCE_MS = 10000;
const KEPT_MS = 60000; // a stream that has ended
const MAX_ASKED = 40; // streams by their ids; for more, all are asked for
const MAX_GAP = 3; // seconds that are missing in a history before it is asked for again
const MAX_WAITING = 500; // names that are shown of those that are waited for
export const HISTORY = 60;
const LISTS = ["bits", "pictures", "keys", "viewers"];

/** What is known of a stream that the page has never seen live: that its encoder is waited for. */
const UNKNOWN = {
  video: { codec: "" }, audio: { codec: "" }, codecs: { video: "", audio: "" }, warnings: [], recordings: [], relays: [],
  base: null, master: null, flv: null, hls: null,
};

/**
 * `streams`: "app/name" -> stream, live or ended a moment ago. `about`: what streams.json has beside them. `of`: the stream
 * whose detail `live` has. `unlisted`: how many more are live. `sights`: how often others have come to be seen.
 */
export const state = { streams: new Map(), live: null, about: null, of: "", unlisted: 0, trouble: "", isRefused: false, sights: 0 };

let byNumber = new Map(); // id -> stream
const last = { run: "", shared: "", token: chosen.token ?? "" }; // of the answer before
const poller = { of: "", timer: 0, isAsking: false, isHurried: false, failures: 0 };
let changed = () => {};

export function start(onchange) {
  changed = onchange;
  document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(poller.timer) : poll()));
  poll();
}

/** Asks for the details of the stream "app/name", and for the numbers of no others; for those of all with "". */
export function follow(key) {
  if (key === poller.of) return;
  poller.of = key;
  poll();
}

export const pathOf = ({ app, name }) => `${app}/${name}`.split("/").map(encodeURIComponent).join("/");
export const headers = () => (chosen.token ? { Authorization: `Bearer ${chosen.token}` } : {});

/** Whoever signs in or out sees other streams. */
export function sign(token) {
  chosen.token = token;
  poll();
}

async function poll() {
  clearTimeout(poller.timer);
  poller.isHurried = poller.isAsking;
  if (poller.isAsking) return;
  poller.isAsking = true;
  const [began, of, token] = [performance.now(), poller.of, chosen.token ?? ""];
  try {
    const live = await get(`live.json${of && `?of=${encodeURIComponent(of)}`}`);
    if ((chosen.token ?? "") === token) await ask(live, of, token);
    [poller.failures, state.trouble] = [0, ""];
  } catch (error) {
    poller.failures += 1;
    state.trouble = `No news from the server; trying again. (${error.message})`;
  }
  poller.isAsking = false;
  changed();
  const took = performance.now() - began;
  const { failures, isHurried } = poller;
  const wait = failures ? Math.min(PERIOD_MS * 2 ** (failures - 1), SLOWEST_MS) : Math.max(PERIOD_MS - took, took / 2);
  if (!document.hidden) poller.timer = setTimeout(poll, isHurried ? 0 : wait);
}

async function get(path) {
  const response = await fetch(path, { cache: "no-store", headers: headers(), signal: AbortSignal.timeout(PATIENCE_MS) });
  if (response.status === 401 && chosen.token) {
    chosen.token = "";
    state.isRefused = poller.isHurried = true;
  }
  if (!response.ok) throw new Error(`the server answers ${response.status}`);
  return response.json();
}

async function ask(live, of, token) {
  const isOther = token !== last.token;
  if (live.run !== last.run) renumber();
  const isStale = ([id, hash]) => {
    const stream = byNumber.get(id);
    return stream?.facts.facts !== hash || live.second - stream.second > MAX_GAP;
  };
  const stale = live.streams.filter(isStale).map(([id]) => id);
  const isAll = isOther || live.run !== last.run || live.shared !== last.shared || stale.length > MAX_ASKED;
  const told = isAll || stale.length > 0 ? await get(`streams.json${isAll ? "" : `?ids=${stale}`}`) : null;
  // Meanwhile, the person may have signed out.
  if ((chosen.token ?? "") !== token) return;
  if (isOther) forget();
  if (told) learn(told);
  Object.assign(last, { run: live.run, shared: live.shared, token });
  Object.assign(state, { live, of });
  if (!of) state.unlisted = live.totals.streams - live.streams.length;
  take(live, of);
}

/** After a restart of the server, its numbers begin anew. */
function renumber() {
  byNumber = new Map();
  for (const stream of state.streams.values()) stream.id = 0;
}

/** What is not seen with another token has not ended. */
function forget() {
  byNumber = new Map();
  state.streams.clear();
  state.sights += 1;
}

function learn({ streams, ...about }) {
  state.about = about;
  for (const facts of streams) {
    const { id, app, name, history } = facts;
    const stream = streamOf(app, name);
    if (byNumber.get(stream.id) === stream) byNumber.delete(stream.id);
    byNumber.set(id, stream);
    if (!stream.id) for (const list of LISTS) stream[list] = history[list].at(-1) ?? 0;
    Object.assign(stream, { id, facts, history, second: history.second, since: performance.now() - facts.uptime_ms });
  }
}

function streamOf(app, name) {
  const key = `${app}/${name}`;
  if (!state.streams.has(key)) {
    const history = Object.fromEntries(LISTS.map((list) => [list, []]));
    const numbers = { bits: 0, pictures: 0, keys: 0, viewers: 0, left: 0, picture: 0, dropped: 0, recorded: 0 };
    state.streams.set(key, { key, app, name, id: 0, facts: UNKNOWN, history, second: 0, since: performance.now(), ended: 0, ...numbers });
  }
  return state.streams.get(key);
}

function take(live, of) {
  const [present, now] = [new Set(), performance.now()];
  for (const [id, , bits, pictures, keys, viewers, left, picture, dropped, recorded] of live.streams) {
    const stream = byNumber.get(id);
    if (!stream) continue;
    present.add(stream);
    Object.assign(stream, { bits, pictures, keys, viewers, left, picture, dropped, recorded, ended: 0 });
    extend(stream, live.second);
  }
  const waiting = new Map(live.waiting.slice(0, MAX_WAITING).map(([app, name, left]) => [streamOf(app, name), left]));
  // Of more than are listed, one that is missing need not have ended.
  const keptFor = !of && state.unlisted > 0 ? 0 : KEPT_MS;
  for (const [key, stream] of state.streams) {
    if (present.has(stream) || (of && !waiting.has(stream) && familyOf(stream.key) !== familyOf(of))) continue;
    Object.assign(stream, { bits: 0, pictures: 0, viewers: 0, ended: stream.ended || now, left: waiting.get(stream) ?? 0 });
    if (stream.left || now - stream.ended < keptFor) continue;
    state.streams.delete(key);
    if (byNumber.get(stream.id) === stream) byNumber.delete(stream.id);
  }
}

/** "app/name" of what a stream is a variant of, or its own. */
function familyOf(key) {
  const { app, facts } = state.streams.get(key) ?? {};
  return facts?.base ? `${app}/${facts.base}` : key;
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
    const key = familyOf(stream.key);
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
