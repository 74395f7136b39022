// URLs of the server, and what it says of them.

const PATIENCE_MS = 5000;
const MAX_REASON = 200; // characters

/** What the server says of a URL: the status, 0 if it does not answer, and its reason, or a playlist. */
export async function ask(url, method = "GET") {
  try {
    const response = await fetch(url, { method, cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
    const isText = /^text\/plain|mpegurl/.test(response.headers.get("content-type"));
    const text = isText ? (await response.text()).trim() : "";
    if (!isText) response.body?.cancel();
    if (response.ok) return { status: 200, text };
    // A proxy says that the server does not answer.
    if ([502, 503, 504].includes(response.status) && !isText) return { status: 0, text: "" };
    return { status: response.status, text: text.slice(0, MAX_REASON) || `the server says ${response.status}` };
  } catch {
    return { status: 0, text: "" };
  }
}

/** Who has opened the page with a key or a link watches with it. */
export function withQuery(path) {
  if (!path) return null;
  const query = path.includes("?") ? location.search.replace("?", "&") : location.search;
  return new URL(path + query, location.href).href;
}
