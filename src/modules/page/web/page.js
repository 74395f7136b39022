// The console: a list of what is live, and a page for each stream. Names come from whoever publishes, so they are only
// ever set as text.

import { updateSign } from "./act.js";
import { makeCard, removeCard, updateCard } from "./card.js";
import { start, state, views } from "./data.js";
import { openGuide, showGuide } from "./publish.js";
import { listAt, openRecordings, updateRecordings } from "./recordings.js";
import { openStream, updateStream } from "./stream.js";
import { byId, chosen, duration, many, rate, say, size, table } from "./text.js";

const MANY = 8; // streams; from here on a list is the better view
const MAX_NAME = 512; // characters of application and name; the server takes no longer ones
const SETTLES_MS = 5000; // the order by numbers that move changes no more often

const cards = new Map(); // key of a view -> card
let opened = ""; // the stream whose page is shown
let isArchive = false; // recordings are shown
let [sorted, top] = [0, 0];
const [search, order, layout, list] = ["search", "sort", "layout", "streams"].map(byId);

const byName = (a, b) => (a.key < b.key ? -1 : 1);
const ORDERS = {
  name: byName,
  viewers: (a, b) => b.viewers - a.viewers || byName(a, b),
  bits: (a, b) => b.bits - a.bits || byName(a, b),
  newest: (a, b) => b.since - a.since,
};

function update() {
  const { live, about, trouble } = state;
  byId("trouble").hidden = !trouble;
  say(byId("trouble"), trouble);
  if (!about || !live) return;
  showTotals(live.totals);
  say(byId("version"), `${live.server} ${live.version}`);
  updateSign();
  updateRecordings();
  const all = views();
  byId("overview").hidden = opened !== "" || isArchive || all.length === 0;
  showGuide(all.length === 0 && !opened && !isArchive);
  if (opened) updateStream();
  else showList(all, live);
}

function showTotals({ bits_in, bits_out, viewers, cpu, memory, uptime_ms }) {
  const load = cpu === null ? "–" : `${(cpu * 100).toFixed(1)} %`; // null: nobody has looked for a while
  table(byId("totals"), [["In", rate(bits_in)], ["Out", rate(bits_out)], ["Viewers", `${viewers}`], ["CPU", load], ["Memory", size(memory)], ["Up", duration(uptime_ms)]]);
}

function showList(all, { totals }) {
  const words = search.value.toLowerCase().split(/\s+/);
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
  const found = words.join("") ? `${shown.length} of ` : "";
  say(byId("summary"), `${found}${many(totals.streams, "stream")} live${state.unlisted > 0 ? `, ${state.unlisted} not shown` : ""}`);
  byId("nothing").hidden = shown.length > 0;
  byId("tools").classList.toggle("few", all.length < 2);
  const isList = (chosen.layout ?? (all.length >= MANY ? "list" : "cards")) === "list";
  list.className = isList ? "list" : "cards";
  say(layout, isList ? "Cards" : "List");
}

/** An order that moves each second would be restless. A card that has the focus would lose it if it were moved. */
function sort(shown, isNew) {
  const now = performance.now();
  if (!isNew && sorted && now - sorted < SETTLES_MS) return;
  sorted = now;
  const roots = shown.sort(ORDERS[order.value]).map(({ key }) => cards.get(key).root);
  if (roots.every((root, i) => root === list.children[i])) return;
  const held = roots.findIndex((root) => root.contains(document.activeElement));
  const place = () => roots[held]?.getBoundingClientRect().top ?? 0;
  const before = place();
  roots.forEach((root, i) => { if (i !== held) list.insertBefore(root, i < held ? roots[held] : null); });
  scrollBy(0, place() - before);
}

/** The address behind "#" is "app/name", each of them encoded. */
function route() {
  const key = location.hash.slice(1).split("/").map(decode).join("/");
  const list = listAt(location.hash);
  const [before, next] = [opened, list === null && /.\/./.test(key) && key.length <= MAX_NAME ? key : ""];
  if (next && !before) top = scrollY;
  opened = next;
  isArchive = list !== null;
  openStream(next);
  openRecordings(list);
  byId("page").hidden = !next;
  document.title = next ? `${next.slice(next.lastIndexOf("/") + 1)} – Millstream` : "Millstream";
  update();
  scrollTo(0, next ? 0 : top);
  const goal = next ? byId("name") : isArchive ? byId("archive-of") : cards.get(before)?.root.querySelector("a");
  goal?.focus({ preventScroll: true });
}

function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function rearrange() {
  sorted = 0;
  update();
}

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.key === "/" && !opened && !isArchive && !event.target.matches("input, select")) {
    event.preventDefault();
    search.focus();
  } else if (event.key === "Escape" && event.target === search) {
    search.value = "";
    search.blur();
    rearrange();
  } else if (event.key === "Escape" && (opened || isArchive)) {
    location.hash = "";
  }
}

search.addEventListener("input", rearrange);
order.value = chosen.order ?? "name";
order.addEventListener("change", () => { chosen.order = order.value; rearrange(); });
layout.addEventListener("click", () => { chosen.layout = list.className === "list" ? "cards" : "list"; update(); });
byId("how").addEventListener("click", openGuide);
byId("application-of").addEventListener("change", update);
byId("guide").addEventListener("close", update);
for (const close of document.querySelectorAll("dialog .close")) {
  close.addEventListener("click", () => close.closest("dialog").close());
}
document.addEventListener("keydown", press);
addEventListener("hashchange", route);
route();
start(update);
