// flv.js, which nobody maintains and many pages have, plays streams of H.264, AAC and MP3 over HTTP.

import { play } from "./flv-page.mjs";

await play("flv.js/dist/flv.min.js", "flvjs");
