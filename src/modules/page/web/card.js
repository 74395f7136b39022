// A card: one stream, or the variants of one, in the list. Only what is in sight is kept up to date.

import { pathOf } from "./data.js";
import { drawRates, prepare } from "./plot.js";
import { whyNot } from "./player/player.js";
import { ago, byId, fill, make, many, picture, rate, say, size } from "./text.js";
import { forget, want } from "./thumbnails.js";

const cards = new WeakMap(); // element -> card
const observer = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    const card = cards.get(target);
    card.isSeen = isIntersecting;
    if (isIntersecting) refresh(card);
    else forget(card.shot);
  }
}, { rootMargin: "100px" });

export function makeCard(view) {
  const root = byId("card").content.firstElementChild.cloneNode(true);
  const part = Object.fromEntries([...root.querySelectorAll("[data-is]")].map((element) => [element.dataset.is, element]));
  const card = { root, part, view, shot: root.querySelector(".shot canvas"), plot: root.querySelector(".plot"), isSeen: false };
  cards.set(root, card);
  part.name.href = `#${pathOf(view)}`;
  prepare(card.plot, () => plot(card));
  observer.observe(root);
  return card;
}

export function removeCard({ root, shot }) {
  observer.unobserve(root);
  forget(shot);
  root.remove();
}

export function updateCard(card, view) {
  card.view = view;
  if (card.isSeen) refresh(card);
}

function refresh(card) {
  const { part, view, root } = card;
  const { facts } = view.lead;
  say(part.name, view.name);
  say(part.about, [view.app, picture(facts.video).replace(/\u00a0fps/, "p$&").replace(/ .*/, ""), facts.video.codec, facts.audio.codec].filter(Boolean).join(" · "));
  say(part.bits, view.ended ? "–" : rate(view.bits));
  say(part.pictures, view.ended || !facts.video.codec ? "" : `${view.lead.pictures} fps`);
  say(part.viewers, many(view.viewers, "viewer"));
  say(part.none, facts.video.codec ? `No picture yet` : facts.audio.codec ? "Sound only" : "");
  root.classList.toggle("ended", view.ended > 0);
  showBadge(part.badge, view);
  const notes = notesOf(view);
  fill(part.notes, notes.map(noteOf), notes.join());
  plot(card);
  want(card.shot, view.lead);
}

function plot({ plot, view, isSeen }) {
  if (isSeen && view.lead.history) drawRates(plot, view.lead.history);
}

/** What state it is in, in words. */
export function stateOf({ ended, left }) {
  if (left) return ["waiting", `Waiting for the encoder, ${Math.ceil(left / 1000)} s`];
  return ended ? ["over", `Ended ${ago(performance.now() - ended)}`] : ["live", "Live"];
}

export function showBadge(badge, view) {
  const [kind, text] = stateOf(view);
  if (badge.dataset.kind !== kind) badge.dataset.kind = kind;
  say(badge, text);
}

export const noteOf = ([kind, text]) => make("li", kind, text);

/** Short notes, each a kind and a text: "bad" is what is wrong, "rec" what is recorded. */
export function notesOf(view) {
  const { facts } = view.lead;
  const notes = [];
  const note = (kind, text, when = true) => when && notes.push([kind, text]);
  note("", `${view.variants} variants`, view.variants > 1);
  for (const { file, state } of facts.recordings ?? []) {
    note("rec", `Recording ${file}, ${size(view.recorded)}`, state === "recording");
    note("bad", `Recording fails: ${file}`, state === "failing");
  }
  const far = facts.warnings.filter((text) => /key frame/i.test(text));
  note("bad", `Key frames ${Math.round(facts.video.key_interval)} s apart`, far.length > 0);
  const left = [facts.video, facts.audio].filter((kind) => facts.hls && kind.codec && !kind.in_hls).map((kind) => kind.codec);
  note("bad", `Not in HLS: ${left.join(", ")}`, left.length > 0);
  note("bad", many(view.dropped, "frame dropped", "frames dropped"), view.dropped > 0);
  const others = facts.warnings.filter((text) => !far.includes(text) && !/^HLS has no /.test(text));
  for (const text of others) note("bad", text);
  note("bad", cannotPlay(view), !view.ended);
  return notes.filter(([, text]) => text);
}

/** What the player takes: of variants the master playlist, if this browser can play it. */
export function sourceOf({ lead, variants }) {
  const { codecs, flv, hls, video, audio, master } = lead.facts;
  const facts = { codecs, flv, hls, in_hls: { video: video.in_hls, audio: audio.in_hls } };
  const all = { ...facts, flv: null, hls: master };
  return variants && master && !whyNot(all) ? all : facts;
}

export function cannotPlay(view) {
  const source = sourceOf(view);
  return source.flv || source.hls ? whyNot(source) : "";
}
