// Numbers as people read them, and elements that change only where they differ.

export const byId = (id) => document.getElementById(id);
export const many = (count, one, more = `${one}s`) => `${count} ${count === 1 ? one : more}`;
export const ago = (ms) => (ms < 9e4 ? `${Math.round(ms / 1000)} s ago` : `${Math.round(ms / 6e4)} min ago`);
export const rate = (bits) => scaled(bits, "bit/s");
export const size = (bytes) => scaled(bytes, "B");

/** What the person has chosen, for as long as the tab is open; storage may be forbidden. */
export const chosen = (() => {
  try {
    return sessionStorage;
  } catch {
    return {};
  }
})();

function scaled(value, unit) {
  const [by, letter] = [[1e9, "G"], [1e6, "M"], [1e3, "k"]].find(([by]) => value >= by * 0.9995) ?? [1, ""];
  return `${(value / by).toFixed(by > 1e3 ? 1 : 0)} ${letter}${unit}`;
}

export function duration(ms) {
  const days = Math.floor(ms / 864e5);
  return `${days ? `${days} d ` : ""}${new Date(ms % 864e5).toISOString().slice(11, 19)}`;
}

export function make(tag, className, ...content) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...content);
  return element;
}

export function button(text, label, act) {
  const element = make("button", "copy", text);
  element.type = "button";
  element.setAttribute("aria-label", label);
  element.addEventListener("click", act);
  return element;
}

export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Makes the content anew if it tells something else; else it keeps its buttons, and with them the focus. */
export function renew(box, items, toElement) {
  const same = JSON.stringify(items);
  if (box.shown !== same) box.replaceChildren(...items.map(toElement));
  box.shown = same;
}

/** Items of which each is [what stays, words that change]: their elements stay, and in each the words of its first <span> change. */
export function items(box, rows, toElement) {
  renew(box, rows.map(([same]) => same), toElement);
  rows.forEach(([, words], i) => say(box.children[i].querySelector("span"), words));
  box.parentElement.hidden = rows.length === 0;
}

/** Sets the values of a <dl>. */
export function table(list, rows) {
  const told = rows.filter(([, value]) => value);
  renew(list, told.map(([name]) => name), (name) => make("div", "", make("dt", "", name), make("dd")));
  told.forEach(([, value], i) => say(list.children[i].lastChild, value));
}

/** Lines to copy: each a label, a text, and what it is. */
export function lines(box, rows) {
  renew(box, rows, ([label, text, what]) => {
    const code = make("code", "", text);
    const copies = button("Copy", `Copy ${what}`, () => copy(code, copies));
    return make("div", label ? "link" : "link block", make("span", "", label), code, copies);
  });
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
  say(button, isDone ? "Copied" : "Selected");
  setTimeout(() => { say(button, "Copy"); say(byId("said"), ""); }, 1500);
}
