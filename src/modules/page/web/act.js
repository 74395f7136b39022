// Signing in, and what only those may do who have a token that may act.

import { headers, sign, state } from "./data.js";
import { byId, chosen, say } from "./text.js";

let [mayAct, askedFor, then] = [false, "", () => {}];

export const isOperator = () => mayAct;

export function updateSign() {
  const { api } = state.about;
  const token = chosen.token ?? "";
  byId("sign").hidden = !api?.tokens && !token;
  say(byId("sign"), token ? "Sign out" : "Sign in");
  byId("reload").hidden = !mayAct;
  if (state.isRefused) {
    state.isRefused = false;
    openEntry("The server does not know this token.");
  }
  if (askedFor === token || !api) return;
  [askedFor, mayAct] = [token, false];
  if (token) ask("").then((index) => { mayAct = index.may_act; }).catch(() => {});
}

async function ask(path, options) {
  const reply = await fetch(state.about.api.path + path, { ...options, headers: { "Content-Type": "application/json", ...headers() } });
  const told = await reply.json();
  if (!reply.ok) throw new Error(told.error ?? `The server answers ${reply.status}`);
  return told;
}

/** Asks the API for an action. */
export async function act(path, body = {}) {
  try {
    const { text, note } = await ask(path, { method: "POST", body: JSON.stringify(body) });
    say(byId("said"), "Done");
    if (text || note) question("Done", text || note);
  } catch (error) {
    question("That did not work", error.message);
  }
}

/** Asks before something is done; without a verb, it only tells. */
export function question(title, text, verb = "", action) {
  say(byId("question"), title);
  say(byId("consequence"), text);
  say(byId("sure"), verb);
  byId("sure").hidden = !verb;
  then = action;
  byId("ask").showModal();
}

function openEntry(fault) {
  byId("refused").hidden = !fault;
  say(byId("refused"), fault);
  byId("token").value = "";
  if (!byId("entry").open) byId("entry").showModal();
}

byId("sure").addEventListener("click", () => { byId("ask").close(); then(); });
byId("sign").addEventListener("click", () => (chosen.token ? sign("") : openEntry("")));
byId("entry").addEventListener("submit", () => sign(byId("token").value.trim()));
byId("reload").addEventListener("click", () => act("reload"));
