// Reads MPEG-TS as HLS has it (ISO/IEC 13818-1): H.264, H.265, AAC, MP3 and AC-3, into what FlvReader makes, too.

import { AAC_RATES, readMp3, unescape } from "./codecs.js";
import { join } from "./mp4.js";

const PACKET = 188;
const MAX_PES = 16 << 20;
const WRAP = 2 ** 33;
const CLOCK = 90; // ticks in a millisecond
const TYPES = { 0x1b: "avc1", 0x24: "hvc1", 0x0f: "mp4a", 3: ".mp3", 4: ".mp3", 0x81: "ac-3" };

const u13 = (data, at) => ((data[at] & 31) << 8) | data[at + 1];
const u12 = (data, at) => ((data[at] & 15) << 8) | data[at + 1];
const length = (bytes) => [bytes.length >> 8, bytes.length & 255];

export class TsReader {
  constructor(output) {
    Object.assign(this, { output, tables: NaN, tracks: new Map(), last: null });
  }

  /** Reads a segment. Each begins with the tables, and ends with a frame. */
  push(data) {
    for (let at = 0; at + PACKET <= data.length; at += PACKET) {
      if (data[at] !== 0x47) throw new Error("this is no MPEG-TS");
      const control = data[at + 3] >> 4;
      const skip = 4 + (control & 2 ? 1 + data[at + 4] : 0);
      if (control & 1 && skip < PACKET) this.packet(u13(data, at + 1), data[at + 1] & 0x40, data.subarray(at + skip, at + PACKET));
    }
    for (const track of this.tracks.values()) this.finish(track);
  }

  packet(pid, isStart, data) {
    const track = this.tracks.get(pid);
    if (track) {
      if (isStart) this.finish(track);
      if ((isStart || track.parts.length) && (track.size += data.length) < MAX_PES) track.parts.push(data);
    } else if (isStart && (pid === 0 || pid === this.tables)) {
      const section = data.subarray(1 + data[0]);
      const content = section.subarray(8, Math.max(8, 3 + u12(section, 1) - 4));
      if (pid === 0) this.tables = u13(content, 2);
      else this.map(content);
    }
  }

  /** A program map: which PID has what. */
  map(data) {
    const pids = new Set();
    for (let at = 4 + u12(data, 2); at + 5 <= data.length; at += 5 + u12(data, at + 3)) {
      const [codec, pid] = [TYPES[data[at]], u13(data, at + 1)];
      const kind = codec?.endsWith("c1") ? "video" : "audio";
      if (!codec || [...this.tracks.values()].some((track) => track.kind === kind && track.pid !== pid)) continue;
      pids.add(kind);
      if (this.tracks.get(pid)?.codec !== codec) this.tracks.set(pid, { pid, kind, codec, parts: [], size: 0, sets: {}, header: "" });
    }
    const kinds = [...pids].sort().join();
    if (this.kinds !== kinds) this.output.tracks({ video: pids.has("video"), audio: pids.has("audio") });
    this.kinds = kinds;
  }

  finish(track) {
    const data = join(track.parts);
    [track.parts, track.size] = [[], 0];
    if (data.length < 14 || data[0] || data[1] || data[2] !== 1 || !(data[7] & 0x80)) return;
    const time = this.stamp(data, 9);
    const decoded = data[7] & 0x40 ? this.stamp(data, 14) : time;
    const body = data.subarray(9 + data[8]);
    if (track.kind === "video") this.video(track, body, decoded, time - decoded);
    else this.audio(track, body, time);
  }

  /** A timestamp of 33 bits, as the one that is nearest to the last one. */
  stamp(data, at) {
    const part = (i) => (data[at + i] << 7) | (data[at + i + 1] >> 1);
    let time = (data[at] & 14) * 2 ** 29 + part(1) * 2 ** 15 + part(3);
    if (this.last !== null) time += Math.round((this.last - time) / WRAP) * WRAP;
    return (this.last = time);
  }

  video(track, data, time, offset) {
    const isAvc = track.codec === "avc1";
    const [first, last, sets] = isAvc ? [5, 5, [7, 8]] : [16, 23, [32, 33, 34]];
    let [isKey, hasChanged] = [false, false];
    const parts = [];
    for (const nal of nals(data)) {
      const type = isAvc ? nal[0] & 31 : (nal[0] >> 1) & 63;
      isKey ||= type >= first && type <= last;
      if (sets.includes(type)) {
        hasChanged ||= String(track.sets[type]) !== String(nal);
        track.sets[type] = nal;
      } else {
        parts.push([0, nal.length >> 16, (nal.length >> 8) & 255, nal.length & 255], nal);
      }
    }
    if (hasChanged && sets.every((type) => track.sets[type])) {
      const config = Uint8Array.from((isAvc ? avcConfig : hevcConfig)(sets.map((type) => track.sets[type])));
      this.output.header({ kind: "video", codec: track.codec, config });
    }
    if (parts.length) this.output.frame({ kind: "video", time: time / CLOCK, offset: offset / CLOCK, isKey, data: join(parts) });
  }

  audio(track, data, time) {
    const read = { mp4a: readAdts, ".mp3": readMp3, "ac-3": wholeFrame }[track.codec];
    let ms = time / CLOCK;
    for (let at = 0, frame; at < data.length && (frame = read(data.subarray(at))); at += frame.size) {
      const key = frame.config?.join() ?? String(frame.rate);
      const body = data.subarray(at + (frame.skip ?? 0), at + frame.size);
      if (track.header !== key) this.output.header({ kind: "audio", codec: track.codec, config: frame.config ?? body.slice() });
      track.header = key;
      this.output.frame({ kind: "audio", time: ms, offset: 0, isKey: true, data: body });
      ms += (frame.length * 1000) / frame.rate;
    }
  }
}

/** The NAL units between start codes. */
function* nals(data) {
  let begin = -1;
  for (let at = 0; at + 2 < data.length; at++) {
    if (data[at + 2] > 1) at += 2;
    else if (data[at] === 0 && data[at + 1] === 0 && data[at + 2] === 1) {
      if (begin >= 0) yield trim(data, begin, at);
      begin = at + 3;
      at += 2;
    }
  }
  if (begin >= 0 && begin < data.length) yield trim(data, begin, data.length);
}

function trim(data, begin, end) {
  while (end > begin + 1 && data[end - 1] === 0) end--;
  return data.subarray(begin, end);
}

function avcConfig([sps, pps]) {
  return [1, ...sps.subarray(1, 4), 255, 0xe1, ...length(sps), ...sps, 1, ...length(pps), ...pps];
}

function hevcConfig(sets) {
  const sps = unescape(sets[1]);
  const layers = ((sps[2] >> 1) & 7) + 1;
  // Colours of 4:2:0; of ten bits in the profile that is made for them.
  const depth = 0xf8 | ((sps[3] & 31) === 2 ? 2 : 0);
  const arrays = sets.flatMap((set, i) => [0xa0 + i, 0, 1, ...length(set), ...set]);
  return [1, ...sps.subarray(3, 15), 0xf0, 0, 0xfc, 0xfd, depth, depth, 0, 0, (layers << 3) | 7, 3, ...arrays];
}

function readAdts(data) {
  if (data.length < 8 || data[0] !== 255 || (data[1] & 0xf6) !== 0xf0) return null;
  const [type, index] = [(data[2] >> 6) + 1, (data[2] >> 2) & 15];
  const channels = ((data[2] & 1) << 2) | (data[3] >> 6) || 2;
  const size = ((data[3] & 3) << 11) | (data[4] << 3) | (data[5] >> 5);
  const skip = data[1] & 1 ? 7 : 9;
  if (size <= skip || !AAC_RATES[index]) return null;
  return { size, skip, rate: AAC_RATES[index], length: 1024, config: Uint8Array.of((type << 3) | (index >> 1), ((index & 1) << 7) | (channels << 3)) };
}

function wholeFrame(data) {
  return { size: data.length, rate: 48000, length: 1536 };
}
