// The console: a list of what is live, and a page for each stream. Names come from whoever publishes, so they are only
// ever set as text.

import { act, confirm, updateSign } from "./act.js";
import { makeCard, removeCard, updateCard } from "./card.js";
import { pathOf, start, state, views } from "./data.js";
import { openGuide, showGuide } from "./publish.js";
import { openStream, updateStream } from "./stream.js";
import { byId, duration, keep, kept, make, many, rate, say, size } from "./text.js";

const MANY = 8; // streams; from here on the list is the better one
const SETTLES_MS = 5000; // the order by numbers that move changes no more often

const cards = new Map(); // key of a view -> card
let opened = ""; // the stream whose page is shown
let [sorted, top] = [0, 0];

const ORDERS = {
  name: (a, b) => (a.key < b.key ? -1 : 1),
  viewers: (a, b) => b.viewers - a.viewers || ORDERS.name(a, b),
  bits: (a, b) => b.bits - a.bits || ORDERS.name(a, b),
  newest: (a, b) => b.since - a.since || ORDERS.name(a, b),
};

function update() {
  const { live, about, trouble } = state;
  byId("trouble").hidden = !trouble;
  say(byId("trouble"), trouble);
  if (!about || !live) return;
  showTotals(live.totals);
  say(byId("version"), `${live.server} ${live.version}`);
  updateSign();
  const all = views();
  byId("overview").hidden = opened !== "" || all.length === 0;
  showGuide(all.length === 0 && !opened);
  if (opened) updateStream();
  else showList(all);
}

function showTotals({ bits_in, bits_out, viewers, cpu, memory, uptime_ms }) {
  const list = byId("totals");
  const values = [["In", rate(bits_in)], ["Out", rate(bits_out)], ["Viewers", String(viewers)], ["CPU", `${(cpu * 100).toFixed(cpu < 0.1 ? 1 : 0)} %`], ["Memory", size(memory)], ["Up", duration(uptime_ms)]];
  if (list.children.length === 0) list.append(...values.map(([name]) => make("div", "", make("dt", "", name), make("dd"))));
  values.forEach(([, value], i) => say(list.children[i].lastChild, value));
  list.hidden = false;
}

function showList(all) {
  const words = byId("search").value.toLowerCase().split(/\s+/);
  const shown = all.filter(({ key }) => words.every((word) => key.toLowerCase().includes(word)));
  const keys = new Set(shown.map(({ key }) => key));
  for (const [key, card] of cards) {
    if (keys.has(key)) continue;
    removeCard(card);
    cards.delete(key);
  }
  const isNew = shown.some(({ key }) => !cards.has(key));
  for (const view of shown) {
    if (!cards.has(view.key)) cards.set(view.key, makeCard(view));
    updateCard(cards.get(view.key), view);
  }
  sort(shown, isNew);
  const hidden = state.live.totals.streams - state.live.streams.length;
  say(byId("summary"), `${many(state.live.totals.streams, "stream")} live${hidden > 0 ? `, ${hidden} not shown` : ""}`);
  byId("nothing").hidden = shown.length > 0;
  say(byId("nothing"), `No stream is called “${byId("search").value}”.`);
  byId("tools").classList.toggle("few", all.length < 2);
  showLayout(all.length);
}

/** The order of numbers that move would be restless, and moving a card would take the focus from it. */
function sort(shown, isNew) {
  const [list, now] = [byId("streams"), performance.now()];
  if (!isNew && (now - sorted < SETTLES_MS || list.contains(document.activeElement))) return;
  sorted = now;
  shown.sort(ORDERS[byId("sort").value]).forEach(({ key }, i) => {
    const { root } = cards.get(key);
    if (list.children[i] !== root) list.insertBefore(root, list.children[i] ?? null);
  });
}

function showLayout(count) {
  const isList = (kept("layout") || (count >= MANY ? "list" : "cards")) === "list";
  byId("streams").className = isList ? "list" : "";
  say(byId("layout"), isList ? "Cards" : "List");
  byId("layout").setAttribute("aria-label", isList ? "Show cards" : "Show a list");
}

/** The address behind "#" is "app/name", each of them encoded. */
function route() {
  const [app, name] = location.hash.slice(1).split("/").map(decode);
  const next = app && name ? `${app}/${name}` : "";
  if (next && !opened) top = scrollY;
  const before = opened;
  opened = next;
  openStream(next);
  byId("page").hidden = !next;
  document.title = next ? `${name} – Millstream` : "Millstream";
  update();
  scrollTo(0, next ? 0 : top);
  if (next) byId("name").focus({ preventScroll: true });
  else cards.get(before)?.root.querySelector("a").focus({ preventScroll: true });
}

function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function again() {
  sorted = 0;
  update();
}

byId("search").addEventListener("input", again);
byId("sort").addEventListener("change", () => { keep("sort", byId("sort").value); again(); });
byId("layout").addEventListener("click", () => {
  keep("layout", byId("streams").className === "list" ? "cards" : "list");
  update();
});
byId("how").addEventListener("click", openGuide);
byId("application-of").addEventListener("change", update);
for (const button of document.querySelectorAll("dialog .close")) {
  button.addEventListener("click", () => button.closest("dialog").close());
}
byId("guide").addEventListener("close", update);
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const isTyping = event.target.matches("input, select, textarea");
  if (event.key === "/" && !isTyping && !opened) {
    event.preventDefault();
    byId("search").focus();
  } else if (event.key === "Escape" && event.target === byId("search")) {
    byId("search").value = "";
    byId("search").blur();
    again();
  } else if (event.key === "Escape" && opened && !document.fullscreenElement) {
    location.hash = "";
  }
});
const kick = make("button", "", "Kick the encoder");
kick.type = "button";
byId("actions").querySelector(".buttons").append(kick);
kick.addEventListener("click", () => {
  const slash = opened.indexOf("/");
  const stream = { app: opened.slice(0, slash), name: opened.slice(slash + 1) };
  confirm(`Kick the encoder of ${opened}?`, "Its stream ends at once. Most encoders come again after a moment.", "Kick",
    () => act(`streams/${pathOf(stream)}/kick`));
});
byId("sort").value = ORDERS[kept("sort")] ? kept("sort") : "name";
addEventListener("hashchange", route);
route();
start(update);
