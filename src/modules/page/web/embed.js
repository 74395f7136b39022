// A page with nothing but the player.

import { Player } from "./player/player.js";

const box = document.getElementById("player");
const { name, flv, hls } = box.dataset;
new Player(box, { name, flv, hls });
