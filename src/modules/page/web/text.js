// Numbers and small things as people read them, and what the person has chosen.

/** Sets a text only where it differs: what does not change costs nothing. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export const byId = (id) => document.getElementById(id);

/** An element with a class and a text or children. */
export function make(tag, className, ...content) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...content);
  return element;
}

export const many = (count, one, more = `${one}s`) => `${count} ${count === 1 ? one : more}`;

export function rate(bits) {
  if (bits < 999500) return `${Math.round(bits / 1000)} kbit/s`;
  return bits < 999.5e6 ? `${(bits / 1e6).toFixed(1)} Mbit/s` : `${(bits / 1e9).toFixed(2)} Gbit/s`;
}

export function size(bytes) {
  const [by, unit] = [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"]].find(([by]) => bytes >= by) ?? [1, "B"];
  const value = bytes / by;
  return `${value.toFixed(value < 100 && by > 1e3 ? 1 : 0)} ${unit}`;
}

export function duration(ms) {
  const seconds = Math.floor(ms / 1000);
  const two = (number) => String(number).padStart(2, "0");
  const days = Math.floor(seconds / 86400);
  const clock = `${Math.floor(seconds / 3600) % 24}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return days ? `${days} d ${clock}` : clock;
}

export const ago = (ms) => (ms < 90000 ? `${Math.round(ms / 1000)} s ago` : `${Math.round(ms / 60000)} min ago`);

export function picture({ width, height, frame_rate }) {
  if (!width) return "";
  return `${width}×${height}${frame_rate ? ` ${Number(frame_rate.toFixed(2))}\u00a0fps` : ""}`;
}

export function sound({ codec, sample_rate, channels }) {
  const many = { 0: "", 1: "mono", 2: "stereo" }[channels ?? 0] ?? `${channels} channels`;
  return [codec, sample_rate ? `${sample_rate / 1000}\u00a0kHz` : "", many].filter(Boolean).join(" ");
}

/** Storage may be forbidden: then it lasts as long as the page. */
const remembered = new Map();

export function kept(name) {
  try {
    return sessionStorage.getItem(name) ?? "";
  } catch {
    return remembered.get(name) ?? "";
  }
}

export function keep(name, value) {
  try {
    sessionStorage.setItem(name, value);
  } catch {
    remembered.set(name, value);
  }
}

/** Sets the list's items, each a text or a node, if they differ from what is there. */
export function fill(list, items, isSame = items.join("\n")) {
  if (list.shown === isSame) return;
  list.shown = isSame;
  list.replaceChildren(...items.map((item) => (item instanceof Node ? item : make("li", "", item))));
}

/** Sets the values of a <dl>; its rows are made anew only if other ones are there. */
export function table(list, rows) {
  const wanted = rows.filter(([, value]) => value);
  const names = wanted.map(([name]) => name).join();
  if (list.shown !== names) {
    list.shown = names;
    list.replaceChildren(...wanted.map(([name]) => make("div", "", make("dt", "", name), make("dd"))));
  }
  wanted.forEach(([, value], i) => say(list.children[i].lastChild, value));
}

/** A line with an address or a command to copy. */
export function line(label, text, what) {
  const code = make("code", "", text);
  const button = make("button", "copy", "Copy");
  button.type = "button";
  button.setAttribute("aria-label", `Copy ${what}`);
  button.addEventListener("click", () => copy(code, button));
  return make("div", label ? "link" : "link block", ...(label ? [make("span", "", label)] : []), code, button);
}

async function copy(source, button) {
  let isDone = true;
  try {
    await navigator.clipboard.writeText(source.textContent);
  } catch {
    // Without TLS there is no clipboard object; a selection can still be copied.
    getSelection().selectAllChildren(source);
    isDone = document.execCommand("copy");
  }
  say(byId("said"), isDone ? "Copied" : "Selected; copy it with the keyboard");
  button.textContent = isDone ? "Copied" : "Selected";
  setTimeout(() => { button.textContent = "Copy"; byId("said").textContent = ""; }, 1500);
}

/** Lines that change seldom: they keep their buttons, and with them the focus, while they are the same. */
export function lines(box, rows) {
  const same = JSON.stringify(rows);
  if (box.shown === same) return;
  box.shown = same;
  box.replaceChildren(...rows.map((row) => line(...row)));
}
