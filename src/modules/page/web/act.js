// Signing in, and what only those may do who have a token that may act.

import { headers, sign, state, token } from "./data.js";
import { byId, say } from "./text.js";

let [may, askedFor, answer] = [false, "", () => {}];

export const mayAct = () => may;

/** The button follows what the server has and who the person is. */
export function updateSign() {
  byId("sign").hidden = !state.about?.api?.tokens && !token();
  say(byId("sign"), token() ? "Sign out" : "Sign in");
  byId("reload").hidden = !may;
  if (state.refused) refuse();
  if (askedFor === token() || !state.about?.api) return;
  [askedFor, may] = [token(), false];
  if (askedFor) fetch(state.about.api.path, { headers: headers() }).then((reply) => reply.json()).then((index) => { may = index.may_act === true; }).catch(() => {});
}

function refuse() {
  state.refused = false;
  byId("refused").hidden = false;
  say(byId("refused"), "The server does not know this token.");
  if (!byId("entry").open) byId("entry").showModal();
}

/** Asks the API for an action; what it answers is said. */
export async function act(path, body = {}) {
  try {
    const options = { method: "POST", headers: { "Content-Type": "application/json", ...headers() }, body: JSON.stringify(body) };
    const reply = await fetch(state.about.api.path + path, options);
    const told = await reply.json();
    tell(reply.ok ? "" : told.error ?? `The server answers ${reply.status}`, told);
  } catch (error) {
    tell(error.message);
  }
}

function tell(fault, told = {}) {
  say(byId("said"), fault ? "" : "Done");
  const rest = told.text ?? told.note;
  if (fault || rest) confirm(fault ? "That did not work" : "Done", fault || rest, "");
}

/** Asks before something is done; without a verb, it only tells. */
export function confirm(question, text, verb, then = () => {}) {
  say(byId("question"), question);
  say(byId("consequence"), text);
  byId("sure").hidden = !verb;
  say(byId("sure"), verb);
  say(byId("ask").querySelector(".close"), verb ? "Cancel" : "Close");
  answer = then;
  if (!byId("ask").open) byId("ask").showModal();
}

byId("sure").addEventListener("click", () => { byId("ask").close(); answer(); });
byId("sign").addEventListener("click", () => {
  if (token()) return sign("");
  byId("refused").hidden = true;
  byId("token").value = "";
  byId("entry").showModal();
});
byId("entry").querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  byId("entry").close();
  sign(byId("token").value.trim());
});
byId("reload").addEventListener("click", () => act("reload"));
