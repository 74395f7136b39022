// Writes fragmented MP4 (ISO/IEC 14496-12) for Media Source Extensions: a file of one track.

const AUDIO_APART_MS = 60; // by which sound may differ from its own line of time: timestamps are rounded
const MATRIX = [1, 0, 0, 0, 1, 0, 0, 0, 0x4000].flatMap((n, i) => (i === 8 ? [0x40, 0, 0, 0] : [0, n, 0, 0]));

const u32 = (n) => [(n >>> 24) & 255, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];
const u64 = (n) => [...u32(Math.floor(n / 2 ** 32)), ...u32(n % 2 ** 32)];
const zeros = (count) => new Uint8Array(count);

export function join(parts) {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => (all.set(part, at), at + part.length), 0);
  return all;
}

/** A box of bytes, and of other boxes. */
export function box(type, ...parts) {
  const size = parts.reduce((sum, part) => sum + part.length, 8);
  return join([u32(size), new TextEncoder().encode(type), ...parts]);
}

export const full = (type, version, flags, ...parts) => box(type, [version, ...u32(flags).slice(1)], ...parts);

/** What comes first, of a track as codecs.js describes it. */
export function initSegment({ kind, entry, rate, width, height, isPlain }) {
  if (isPlain) return null;
  const isVideo = kind === "video";
  const tkhd = full("tkhd", 0, 3, zeros(8), u32(1), zeros(16), [0, 0, 0, 0, isVideo ? 0 : 1, 0, 0, 0], MATRIX,
    u32(width * 65536), u32(height * 65536));
  const handler = full("hdlr", 0, 0, zeros(4), new TextEncoder().encode(isVideo ? "vide" : "soun"), zeros(13));
  const head = isVideo ? full("vmhd", 0, 1, zeros(8)) : full("smhd", 0, 0, zeros(4));
  const data = box("dinf", full("dref", 0, 0, u32(1), full("url ", 0, 1)));
  const table = box("stbl", full("stsd", 0, 0, u32(1), entry), full("stts", 0, 0, zeros(4)), full("stsc", 0, 0, zeros(4)),
    full("stsz", 0, 0, zeros(8)), full("stco", 0, 0, zeros(4)));
  const media = box("mdia", full("mdhd", 0, 0, zeros(8), u32(rate), zeros(4), [0x55, 0xc4, 0, 0]), handler,
    box("minf", head, data, table));
  const movie = full("mvhd", 0, 0, zeros(8), u32(1000), zeros(4), [0, 1, 0, 0, 1, 0], zeros(10), MATRIX, zeros(24), u32(2));
  const extends_ = box("mvex", full("trex", 0, 0, u32(1), u32(1), zeros(12)));
  return join([box("ftyp", new TextEncoder().encode("iso6"), u32(1), new TextEncoder().encode("iso6")),
    box("moov", movie, box("trak", tkhd, media), extends_)]);
}

/** The frames of a track on their way into fragments. The next one tells how long one is. */
export class Track {
  constructor(description) {
    this.description = description;
    this.samples = [];
    this.bytes = 0;
    this.number = 0;
    this.end = null; // of all sound so far, by the count of its samples
  }

  /** Adds a frame; times are milliseconds. */
  add({ offset, isKey, data }, ms) {
    const { rate, length } = this.description;
    let time = Math.max(0, Math.round((ms * rate) / 1000));
    let duration = 0;
    const last = this.samples.at(-1);
    if (length) {
      // Sound has its own line of time: none of its frames is cut or stretched by rounding.
      duration = length(data) || 1;
      const apart = this.end === null ? 0 : time - this.end;
      const limit = (AUDIO_APART_MS * rate) / 1000;
      if (apart < -limit) return;
      if (apart > limit && last) last.duration += apart;
      else if (this.end !== null) time = this.end;
      this.end = time + duration;
    } else if (last) {
      time = Math.max(time, last.time + 1);
      last.duration = time - last.time;
    }
    this.samples.push({ time, duration, offset: Math.round((offset * rate) / 1000), isKey, data });
    this.bytes += data.length;
  }

  /** A fragment of what has come, or null. It begins at `from`, in seconds. */
  take(isEnd) {
    const count = this.samples.length - (isEnd ? 0 : 1);
    if (count <= 0) return null;
    const samples = this.samples.splice(0, count);
    for (const sample of samples) this.bytes -= sample.data.length;
    const last = samples.at(-1);
    last.duration ||= samples.at(-2)?.duration || Math.round(this.description.rate / 25);
    this.from = samples[0].time / this.description.rate;
    return this.description.isPlain ? join(samples.map(({ data }) => data)) : fragment(samples, ++this.number);
  }

  clear() {
    [this.samples, this.bytes, this.end] = [[], 0, null];
  }
}

function fragment(samples, number) {
  const fields = samples.map(({ duration, offset, isKey, data }) => (
    [...u32(duration), ...u32(data.length), isKey ? 2 : 1, isKey ? 0 : 1, 0, 0, ...u32(offset)]));
  const size = 8 + 16 + 8 + 16 + 20 + 20 + 16 * samples.length; // of moof
  const run = full("trun", 1, 0xf01, u32(samples.length), u32(size + 8), fields.flat());
  const track = box("traf", full("tfhd", 0, 0x20000, u32(1)), full("tfdt", 1, 0, u64(samples[0].time)), run);
  const data = samples.map((sample) => sample.data);
  return join([box("moof", full("mfhd", 0, 0, u32(number)), track), box("mdat", ...data)]);
}
