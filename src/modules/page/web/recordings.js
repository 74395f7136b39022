// The finished recordings of an application, or of one of its streams: a list of them, which plays one.

import { headers, pathOf, state } from "./data.js";
import { Source } from "./player/mse.js";
import { button, byId, duration, make, many, renew, say, size } from "./text.js";

const PREFIX = "#recordings:";

let of = null; // { app, stream } that is shown
let [sights, film, loading] = [0, null, null];
const video = byId("film");

/** Whether an address behind "#" is that of a list; then "app", or "app/name", is what it is of. */
export const listAt = (hash) => (hash.startsWith(PREFIX) ? hash.slice(PREFIX.length) : null);

/** The address of the list of an application's recordings, or of a stream's; none where they are not shown. */
export function addressOf(app, name) {
  if (!state.about?.recordings?.includes(app)) return null;
  return PREFIX + (name ? pathOf({ app, name }) : encodeURIComponent(app));
}

/** Shows the recordings of what an address has; none for null. */
export function openRecordings(address) {
  close();
  loading?.abort();
  of = address === null ? null : readAddress(address);
  byId("archive").hidden = !of;
  renew(byId("films"), [], () => {});
  if (!of) return;
  say(byId("archive-of"), `Recordings of ${of.stream ? `${of.app}/${of.stream}` : of.app}`);
  load();
}

/** Who signs in sees others. */
export function updateRecordings() {
  const apps = state.about?.recordings ?? [];
  renew(byId("archives"), apps, (app) => link(app === apps[0] ? `Recordings of ${app}` : app, addressOf(app)));
  if (of && sights !== state.sights) load();
}

function readAddress(address) {
  const parts = address.split("/").map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  });
  // The name of an application may have a slash, that of a stream has none.
  return parts.length > 1 ? { app: parts.slice(0, -1).join("/"), stream: parts.at(-1) } : { app: parts[0], stream: "" };
}

async function load() {
  sights = state.sights;
  loading = new AbortController();
  const query = new URLSearchParams({ app: of.app, ...(of.stream && { stream: of.stream }) });
  say(byId("archive-about"), "Looking…");
  try {
    const response = await fetch(`recordings.json?${query}${location.search.replace("?", "&")}`, { headers: headers(), signal: loading.signal, cache: "no-store" });
    if (response.status === 403) throw new Error("Open this page with what the stream asks for, or sign in.");
    if (!response.ok) throw new Error(`The server answers ${response.status}.`);
    show(await response.json());
  } catch (error) {
    if (error.name !== "AbortError") say(byId("archive-about"), error.message);
  }
}

function show({ total, recordings }) {
  const rest = total > recordings.length ? `, the newest ${recordings.length} are listed` : "";
  say(byId("archive-about"), total ? many(total, "recording") + rest : "There are none, or none that are shown to everybody.");
  renew(byId("films"), recordings, toRow);
}

function toRow(recording) {
  const { stream, recorder, began, duration_ms: ms, bytes, media, url, file } = recording;
  const when = new Date(began).toLocaleString();
  const words = [recorder, when, ms && duration(ms), size(bytes), media.toUpperCase()].filter(Boolean).join(" · ");
  const download = link("Download", url);
  download.download = file.split("/").at(-1);
  return make("li", "", make("b", "", stream), make("span", "soft", words), button("Play", `Play ${stream} of ${when}`, () => play(recording)), download);
}

function link(text, href) {
  const element = make("a", "", text);
  element.href = href;
  return element;
}

async function play({ media, url, hls, stream }) {
  const { Film } = await import("./film.js");
  close();
  video.hidden = false;
  video.setAttribute("aria-label", stream);
  say(byId("film-fault"), "");
  if (media === "mp4") video.src = url;
  else if (Source) film = new Film(video, hls, fails);
  else video.src = hls;
  video.play()?.catch(() => {});
  video.scrollIntoView({ block: "nearest" });
}

function fails(why) {
  say(byId("film-fault"), `It cannot be played here: ${why}`);
}

function close() {
  film?.close();
  film = null;
  video.hidden = true;
  say(byId("film-fault"), "");
  if (!video.hasAttribute("src")) return;
  video.removeAttribute("src");
  video.load();
}

video.addEventListener("error", () => video.error && fails(video.error.message));
