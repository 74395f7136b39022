// Signing in, and what only those may do who have a token that may act.

import { headers, sign, state } from "./data.js";
import { byId, chosen, say } from "./text.js";

const RETRY_MS = 10000;

/** Whose rights are known: a token, "" for who has none. `next`: when they may be asked for again. */
const rights = { mayAct: false, of: null, asked: null, next: 0 };
let then = () => {};

export const isOperator = () => rights.mayAct;

export function updateSign() {
  const { api } = state.about;
  const token = chosen.token ?? "";
  byId("sign").hidden = !api?.tokens && !token;
  say(byId("sign"), token ? "Sign out" : "Sign in");
  if (state.isRefused) {
    state.isRefused = false;
    openEntry("The server does not know this token.");
  }
  if (rights.of !== token) askRights(api, token);
  byId("reload").hidden = !rights.mayAct;
}

/** Without a token, an API that wants none is asked, too. A request that fails is made again. */
async function askRights(api, token) {
  if (rights.asked !== token) Object.assign(rights, { mayAct: false, asked: token, next: 0 });
  if (!api || (api.tokens && !token)) return;
  if (performance.now() < rights.next) return;
  rights.next = performance.now() + RETRY_MS;
  const index = await ask("").catch((error) => (error.isAnswer ? {} : null));
  if (index && token === (chosen.token ?? "")) Object.assign(rights, { mayAct: index.may_act === true, of: token });
}

async function ask(path, options) {
  const reply = await fetch(state.about.api.path + path, { ...options, headers: { "Content-Type": "application/json", ...headers() } });
  const told = await reply.json();
  if (!reply.ok) throw Object.assign(new Error(told.error ?? `The server answers ${reply.status}`), { isAnswer: true });
  return told;
}

/** Asks the API for an action, on each of these paths. */
export async function act(paths, body = {}) {
  try {
    const told = [];
    for (const path of paths) told.push(await ask(path, { method: "POST", body: JSON.stringify(body) }));
    say(byId("said"), "Done");
    const words = told.map(({ text, note }) => text || note).filter(Boolean).join("\n");
    if (words) tell("Done", words);
  } catch (error) {
    tell("That did not work", error.message);
  }
}

/** Asks before something is done. */
export function question(title, text, verb, action) {
  say(byId("question"), title);
  say(byId("consequence"), text);
  say(byId("sure"), verb);
  then = action;
  open(byId("ask"));
}

/** In a dialog of its own: it must not change a question that is being read. */
function tell(title, text) {
  say(byId("outcome"), title);
  say(byId("reason"), text);
  open(byId("result"));
}

function open(dialog) {
  dialog.close();
  dialog.showModal();
}

function openEntry(fault) {
  byId("refused").hidden = !fault;
  say(byId("refused"), fault);
  byId("token").value = "";
  if (!byId("entry").open) byId("entry").showModal();
}

byId("sure").addEventListener("click", () => { byId("ask").close(); then(); });
byId("sign").addEventListener("click", () => (chosen.token ? sign("") : openEntry("")));
byId("entry").addEventListener("submit", () => {
  const token = byId("token").value.trim();
  byId("token").value = "";
  sign(token);
});
byId("reload").addEventListener("click", () => act(["reload"]));
