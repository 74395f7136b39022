// What MP4 and browsers want to know of a codec: its name, its sample entry, its clock, the length of a frame.

import { box, full } from "./mp4.js";

export const AAC_RATES = [96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350];
const MP3_RATES = [44100, 48000, 32000];
const MP3_KBITS = [
  [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320], [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];
const AVC_HIGH = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135]; // profiles with a chroma format
const VIDEO_CLOCK = 90000;

const u16 = (n) => [(n >> 8) & 255, n & 255];
const u16At = (data, at) => (data[at] << 8) | data[at + 1];
const hex = (n, digits = 2) => n.toString(16).padStart(digits, "0");
const two = (n) => String(n).padStart(2, "0");

/** Reads bits; behind the end there are zeros. */
export class Bits {
  constructor(data) { [this.data, this.at] = [data, 0]; }
  read(count) {
    let value = 0;
    for (; count > 0; count--, this.at++) value = value * 2 + (((this.data[this.at >> 3] ?? 0) >> (7 - (this.at & 7))) & 1);
    return value;
  }
  skip(count) { this.at += count; return this; }
  /** Exp-Golomb. */
  ue() {
    let zeros = 0;
    while (zeros < 32 && !this.read(1)) zeros++;
    return 2 ** zeros - 1 + this.read(zeros);
  }
}

/** A NAL unit without the bytes that emulate no start code. */
export function unescape(nal) {
  return nal.filter((byte, i) => !(byte === 3 && i > 1 && !nal[i - 1] && !nal[i - 2]));
}

/**
 * Describes a track of `codec` (a FourCC) by its configuration; null if it is not known. `size` is that of the picture
 * where the configuration does not tell it.
 */
export function describe({ kind, codec, config }, size) {
  const known = Object.hasOwn(CODECS, codec) && CODECS[codec](config, size);
  if (!known) return null;
  // Most browsers take MP3 as it is, and not in MP4.
  const isPlain = Boolean(known.isMp3 && self.MediaSource?.isTypeSupported("audio/mpeg"));
  return { kind, ...known, isPlain, mime: isPlain ? "audio/mpeg" : `${kind}/mp4; codecs="${known.name}"` };
}

const CODECS = {
  avc1(config, size) {
    if (config.length < 7) return null;
    const length = (config[6] << 8) | config[7];
    size = avcSize(config.subarray(8, 8 + length)) ?? size;
    return picture("avc1", `avc1.${hex(config[1])}${hex(config[2])}${hex(config[3])}`, box("avcC", config), size);
  },
  hvc1(config, size) {
    if (config.length < 23) return null;
    const space = ["", "A", "B", "C"][config[1] >> 6];
    let [flags, reversed] = [new Bits(config.subarray(2, 6)).read(32), 0];
    for (let i = 0; i < 32; i++, flags = Math.floor(flags / 2)) reversed = reversed * 2 + (flags % 2);
    let constraints = [...config.subarray(6, 12)].map((byte) => `.${byte.toString(16)}`).join("");
    constraints = constraints.replace(/(\.0)+$/, "");
    const name = `hvc1.${space}${config[1] & 31}.${reversed.toString(16)}.${config[1] & 32 ? "H" : "L"}${config[12]}${constraints}`;
    return picture("hvc1", name, box("hvcC", config), size);
  },
  av01(config, size) {
    // An empty one says nothing: what is usual.
    if (config.length < 4) config = [0x81, 8, 12, 0];
    const depth = config[2] & 64 ? (config[2] & 32 ? 12 : 10) : 8;
    const name = `av01.${config[1] >> 5}.${two(config[1] & 31)}${config[2] & 128 ? "H" : "M"}.${two(depth)}`;
    return picture("av01", name, box("av1C", config), size);
  },
  vp09(config, size) {
    const body = config.length > 8 && config[0] === 1 ? config.subarray(4) : config;
    if (body.length < 3) return null;
    return picture("vp09", `vp09.${two(body[0])}.${two(body[1])}.${two(body[2] >> 4)}`, full("vpcC", 1, 0, body), size);
  },
  mp4a(config) {
    if (config.length < 2) return null;
    const bits = new Bits(config);
    const type = bits.read(5);
    const index = bits.read(4);
    const rate = index === 15 ? bits.read(24) : AAC_RATES[index];
    const channels = [2, 1, 2, 3, 4, 5, 6, 8][bits.read(4)] ?? 2;
    // Of other types something else stands there, and 1024 is usual.
    const length = [1, 2, 3, 4, 6, 7].includes(type) && bits.read(1) ? 960 : 1024;
    return rate && sound("mp4a", `mp4a.40.${type}`, esds(0x40, config), rate, channels, () => length);
  },
  ".mp3"(frame) {
    const header = readMp3(frame);
    return header && { ...sound("mp4a", "mp3", esds(0x6b, []), header.rate, header.channels, () => header.length), isMp3: true };
  },
  "ac-3"(frame) {
    const bits = new Bits(frame.subarray(4));
    const [rate, size, id, mode, layout] = [bits.read(2), bits.read(6), bits.read(5), bits.read(3), bits.read(3)];
    if (frame.length < 8 || frame[0] !== 0x0b || rate > 2) return null;
    if (layout & 1 && layout !== 1) bits.skip(2);
    if (layout & 4) bits.skip(2);
    if (layout === 2) bits.skip(2);
    const lfe = bits.read(1);
    const fields = (rate << 22) | (id << 17) | (mode << 14) | (layout << 11) | (lfe << 10) | ((size >> 1) << 5);
    const channels = [2, 1, 2, 3, 3, 4, 4, 5][layout] + lfe;
    return sound("ac-3", "ac-3", box("dac3", [fields >> 16, ...u16(fields)]), [48000, 44100, 32000][rate], channels, () => 1536);
  },
  Opus(config) {
    const head = config.length >= 19 ? config.subarray(8) : Uint8Array.of(1, 2, 0, 0, 0x80, 0xbb, 0, 0, 0, 0, 0);
    const [, channels, s0, s1, r0, r1, r2, r3, g0, g1] = head;
    const dops = box("dOps", [0, channels, s1, s0, r3, r2, r1, r0, g1, g0], head.subarray(10));
    return sound("Opus", "opus", dops, 48000, channels, opusLength);
  },
  fLaC(config) {
    // STREAMINFO; the mark of a file and the head of the block may be in front.
    let at = config[0] === 0x66 ? 4 : 0;
    if (config.length >= at + 38) at += 4;
    const info = config.subarray(at, at + 34);
    if (info.length < 34) return null;
    const bits = new Bits(info).skip(80);
    const [rate, channels] = [bits.read(20), bits.read(3) + 1];
    const length = u16At(info, 2);
    return rate && sound("fLaC", "flac", full("dfLa", 0, 0, [0x80, 0, 0, 34], info), rate, channels, () => length);
  },
};

function picture(type, name, config, { width, height }) {
  const entry = box(type, [0, 0, 0, 0, 0, 0, 0, 1], new Uint8Array(16), u16(width), u16(height),
    [0, 72, 0, 0, 0, 72, 0, 0, 0, 0, 0, 0, 0, 1], new Uint8Array(32), [0, 24, 255, 255], config);
  return { name, entry, rate: VIDEO_CLOCK, width, height };
}

function sound(type, name, config, rate, channels, length) {
  const entry = box(type, [0, 0, 0, 0, 0, 0, 0, 1], new Uint8Array(8), u16(channels), [0, 16, 0, 0, 0, 0],
    u16(rate < 65536 ? rate : 0), [0, 0], config);
  return { name, entry, rate, length, width: 0, height: 0 };
}

/** ISO/IEC 14496-1: an ES_Descriptor with a DecoderConfigDescriptor. */
function esds(type, config) {
  const part = (tag, bytes) => [tag, 0x80 | (bytes.length >> 7), bytes.length & 127, ...bytes];
  const decoder = [type, 0x15, ...new Array(11).fill(0), ...(config.length ? part(5, config) : [])];
  return full("esds", 0, 0, part(3, [0, 0, 0, ...part(4, decoder), 6, 1, 2]));
}

/** Samples in a packet of Opus (RFC 6716, section 3.1). */
function opusLength(data) {
  const code = data[0] >> 3;
  const one = code < 12 ? [480, 960, 1920, 2880][code & 3] : code < 16 ? [480, 960][code & 1] : 120 << (code & 3);
  return one * [1, 2, 2, (data[1] & 63) || 1][data[0] & 3];
}

/** The header of a frame of MPEG layer III: null if it is none. */
export function readMp3(data) {
  if (data.length < 4 || data[0] !== 255 || (data[1] & 0xe6) !== 0xe2) return null;
  const version = (data[1] >> 3) & 3; // 3: MPEG-1, 2: MPEG-2, 0: MPEG-2.5
  const rate = MP3_RATES[(data[2] >> 2) & 3] / [4, NaN, 2, 1][version];
  const kbits = MP3_KBITS[version === 3 ? 0 : 1][data[2] >> 4];
  if (!(rate > 0) || !kbits) return null;
  const length = version === 3 ? 1152 : 576;
  const size = Math.floor((length * 125 * kbits) / rate) + ((data[2] >> 1) & 1);
  return { rate, length, size, channels: data[3] >> 6 === 3 ? 1 : 2 };
}

/** The size of the picture by a sequence parameter set of H.264. */
function avcSize(sps) {
  const bits = new Bits(unescape(sps)).skip(8);
  const profile = bits.read(8);
  bits.skip(16).ue();
  let chroma = 1;
  if (AVC_HIGH.includes(profile)) {
    chroma = bits.ue();
    if (chroma === 3) bits.skip(1);
    bits.ue(), bits.ue(), bits.skip(1);
    if (bits.read(1)) return undefined; // Lists of scaling are rare.
  }
  bits.ue();
  const order = bits.ue();
  if (order === 0) bits.ue();
  if (order === 1) {
    bits.skip(1), bits.ue(), bits.ue();
    for (let i = Math.min(bits.ue(), 255); i > 0; i--) bits.ue();
  }
  bits.ue(), bits.skip(1);
  const [columns, rows] = [bits.ue() + 1, bits.ue() + 1];
  const isFrames = bits.read(1);
  if (!isFrames) bits.skip(1);
  bits.skip(1);
  const [left, right, top, bottom] = bits.read(1) ? [bits.ue(), bits.ue(), bits.ue(), bits.ue()] : [0, 0, 0, 0];
  const [x, y] = [chroma === 1 || chroma === 2 ? 2 : 1, (chroma === 1 ? 2 : 1) * (2 - isFrames)];
  const [width, height] = [columns * 16 - x * (left + right), rows * 16 * (2 - isFrames) - y * (top + bottom)];
  return width > 0 && height > 0 && width < 65536 && height < 65536 ? { width, height } : undefined;
}
