// mpegts.js plays streams by HTTP or WebSocket.

import { play } from "./flv-page.mjs";

await play("mpegts.js/dist/mpegts.js", "mpegts");
