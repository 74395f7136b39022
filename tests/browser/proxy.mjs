// A proxy in front of a server, whose connections can be cut, by what was asked for over them.

import { connect, createServer } from "node:net";

/** Begins to listen; `end()` ends all of it. */
export async function proxyTo({ hostname, port }) {
  const pairs = new Set();
  const server = createServer((socket) => {
    const pair = { asked: "", sockets: [socket, connect(Number(port), hostname)] };
    const [near, far] = pair.sockets;
    near.once("data", (data) => { pair.asked = data.toString("latin1").split("\r\n", 1)[0]; });
    near.pipe(far).pipe(near);
    pairs.add(pair);
    for (const one of pair.sockets) one.on("error", () => {}).on("close", () => close(pair));
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));

  function close(pair) {
    for (const socket of pair.sockets) socket.destroy();
    pairs.delete(pair);
  }

  function cut(text) {
    const found = [...pairs].filter((pair) => pair.asked.includes(text));
    found.forEach(close);
    return found.length;
  }

  return { url: `http://127.0.0.1:${server.address().port}`, cut, end: () => { server.close(); cut(""); } };
}
