// A card: one stream, or the variants of one, in the list. Only what is in sight is drawn.

import { pathOf } from "./data.js";
import { drawRates, prepare, release } from "./plot.js";
import { whyNot } from "./player/player.js";
import { ago, byId, make, many, rate, renew, say, size } from "./text.js";
import { forget, want } from "./thumbnails.js";

const observer = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    target.card.isSeen = isIntersecting;
    if (isIntersecting) show(target.card);
    else forget(target.card.shot);
  }
}, { rootMargin: "100px" });

export function makeCard(view) {
  const root = byId("card").content.firstElementChild.cloneNode(true);
  const [shot, plot] = root.querySelectorAll("canvas");
  const part = Object.fromEntries([...root.querySelectorAll("[data-is]")].map((element) => [element.dataset.is, element]));
  const card = { root, part, view, shot, plot, isSeen: false };
  root.card = card;
  part.name.href = `#${pathOf(view)}`;
  prepare(plot, () => drawRates(plot, card.view.lead.history));
  observer.observe(root);
  return card;
}

export function removeCard({ root, shot, plot }) {
  observer.unobserve(root);
  release(plot);
  forget(shot);
  root.remove();
}

export function updateCard(card, view) {
  const { facts } = view.lead;
  const kind = `${view.ended > 0} ${view.left > 0} ${view.variants}`;
  const isSame = card.facts === facts && card.kind === kind;
  Object.assign(card, { view, facts, kind });
  if (card.isSeen || !isSame) show(card);
}

/** Out of sight, it is only told what changes seldom. */
function show(card) {
  const { part, root, view } = card;
  const { video, audio } = view.lead.facts;
  say(part.name, view.name);
  say(part.about, [view.app, video.height ? `${video.width}×${video.height}` : "", video.codec, audio.codec].filter(Boolean).join(" · "));
  say(part.bits, rate(view.bits));
  say(part.pictures, video.codec && `${view.lead.pictures} fps`);
  say(part.viewers, many(view.viewers, "viewer"));
  say(part.none, video.codec ? "No picture" : audio.codec && "Sound only");
  root.classList.toggle("ended", view.ended > 0);
  showBadge(part.badge, view);
  renew(part.notes, notesOf(view), toNote);
  if (card.isSeen) draw(card);
}

function draw({ shot, plot, view }) {
  plot.redraw();
  want(shot, view.lead);
}

export function showBadge(badge, { ended, left }) {
  badge.dataset.kind = left ? "waiting" : ended ? "ended" : "live";
  const over = ended ? `Ended ${ago(performance.now() - ended)}` : "Live";
  say(badge, left ? `Waiting for the encoder, ${Math.ceil(left / 1000)} s` : over);
}

export const toNote = ([kind, text]) => make("li", kind, text);

/** Each a kind and a text: "bad" is what is wrong, "rec" what is recorded. With `isLong`, warnings are whole sentences. */
export function notesOf(view, isLong) {
  if (view.ended) return [];
  const { warnings, recordings, relays = [], hls, video, audio } = view.lead.facts;
  const of = (state) => recordings.filter((recording) => recording.state === state).map(({ file }) => file);
  const far = warnings.filter((text) => /key frame/i.test(text));
  const lacks = [video, audio].filter(({ codec, in_hls }) => hls && codec && !in_hls).map(({ codec }) => codec);
  const short = [
    far.length > 0 && `Key frames ${Math.round(video.key_interval)} s apart`,
    lacks.length > 0 && `Not in HLS: ${lacks.join(", ")}`,
    ...warnings.filter((text) => !far.includes(text) && !/^HLS has no /.test(text)),
  ];
  const bad = [
    ...of("failing").map((file) => `Recording fails: ${file}`), ...(isLong ? [] : relays.filter(isFailing).map(fails)),
    view.dropped > 0 && many(view.dropped, "frame dropped", "frames dropped"),
    ...(isLong ? warnings : short), isLong ? "" : verdictOf(view).why,
  ];
  const notes = [["", view.variants > 1 && `${view.variants} variants`], ...of("recording").map((file) => ["rec", `Recording ${file}, ${size(view.recorded)}`])];
  return [...notes, ...bad.map((text) => ["bad", text])].filter(([, text]) => text);
}

const isFailing = ({ kind, state, error }) => kind === "push" && (error || state === "waiting");
/** The host is enough; the page of the stream has all of it. */
const fails = ({ target }) => `Push fails: ${target?.split("/")[2] ?? "another server"}`;

/** What the player takes: of variants the master playlist, if this browser can play it. */
export function sourceOf({ lead, variants }) {
  const { codecs, flv, hls, video, audio, master } = lead.facts;
  const one = { codecs, flv, hls, in_hls: { video: video.in_hls, audio: audio.in_hls } };
  const all = { ...one, flv: null, hls: master };
  return variants && master && !whyNot(all).why ? all : one;
}

const verdicts = new WeakMap(); // facts -> what the browser has been found to lack

/** Whether this browser plays it, and why not, or what of it not; "" if all is well. */
export function verdictOf(view) {
  const { facts } = view.lead;
  if (!verdicts.has(facts)) verdicts.set(facts, {});
  return (verdicts.get(facts)[view.variants > 0] ??= whyNot(sourceOf(view)));
}
