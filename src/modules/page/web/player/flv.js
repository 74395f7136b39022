// Reads FLV as it comes over a WebSocket: classic headers and those of Enhanced RTMP. The output is told of `tracks`
// (which there are), `size` (of the picture), `header` (a codec and its configuration) and `frame`.

const MAX_TAG = 16 << 20;
const MAX_SCRIPT = 1 << 16; // of metadata; a longer one is not looked through
const [AUDIO, VIDEO, SCRIPT] = [8, 9, 18];
const [SEQUENCE_START, CODED_FRAMES, CODED_FRAMES_X, METADATA, MOD_EX] = [0, 1, 3, 4, 7];
const MULTITRACK = { audio: 5, video: 6 };
const COMMAND = 5; // in place of a frame type
const WITH_OFFSET = ["avc1", "hvc1"]; // which have a composition time
const WITHOUT_HEADER = [".mp3", "ac-3"]; // whose frames tell all
const EMPTY = new Uint8Array(0);

const u16 = (data, at) => (data[at] << 8) | data[at + 1];
const u24 = (data, at) => (data[at] << 16) | u16(data, at + 1);
const i24 = (data, at) => (u24(data, at) << 8) >> 8;
const fourcc = (data, at) => String.fromCharCode(...data.subarray(at, at + 4));

export class FlvReader {
  constructor(output) {
    this.output = output;
    this.rest = EMPTY;
    this.isBegun = false;
    this.codec = {}; // of the last header, by kind
  }

  /** Takes bytes, cut anywhere. Throws if they are no FLV. */
  push(bytes) {
    let data = bytes;
    if (this.rest.length) {
      data = new Uint8Array(this.rest.length + bytes.length);
      data.set(this.rest);
      data.set(bytes, this.rest.length);
    }
    let at = 0;
    for (let size; (size = this.next(data.subarray(at))); ) at += size;
    this.rest = data.slice(at);
  }

  /** Reads the header, or a tag with the four bytes in front of it. Returns its size, 0 if it is not complete. */
  next(data) {
    if (!this.isBegun) return this.begin(data);
    if (data.length < 15) return 0;
    const size = u24(data, 5);
    if (size > MAX_TAG) throw new Error("a tag is too large");
    if (data.length < 15 + size) return 0;
    const time = ((data[11] << 24) | u24(data, 8)) >>> 0;
    const body = data.subarray(15, 15 + size);
    if (data[4] === VIDEO && size) this.video(body, time);
    else if (data[4] === AUDIO && size) this.audio(body, time);
    else if (data[4] === SCRIPT) this.script(body);
    return 15 + size;
  }

  begin(data) {
    if (data.length < 9) return 0;
    if (fourcc(data, 0) !== "FLV\x01" || data[8] !== 9) throw new Error("this is no FLV");
    this.isBegun = true;
    this.output.tracks({ audio: (data[4] & 4) > 0, video: (data[4] & 1) > 0 });
    return 9;
  }

  video(data, time) {
    const isKey = ((data[0] >> 4) & 7) === 1;
    if (data[0] & 0x80) return this.enhanced("video", data, time, isKey);
    const codec = { 7: "avc1", 12: "hvc1" }[data[0] & 15] ?? `FLV ${data[0] & 15}`;
    this.packet("video", codec, data[1], data.subarray(data[1] === CODED_FRAMES ? 2 : 5), time, isKey);
  }

  audio(data, time) {
    const format = data[0] >> 4;
    if (format === 9) return this.enhanced("audio", data, time, true);
    if (format === 10) return this.packet("audio", "mp4a", data[1], data.subarray(2), time, true);
    const codec = format === 2 || format === 14 ? ".mp3" : `FLV ${format}`;
    this.packet("audio", codec, CODED_FRAMES, data.subarray(1), time, true);
  }

  enhanced(kind, data, time, isKey) {
    let [at, type] = [1, data[0] & 15];
    while (type === MOD_EX && at < data.length) {
      let size = data[at++] + 1;
      if (size === 256) [size, at] = [u16(data, at) + 1, at + 2];
      type = data[at + size] & 15;
      at += size + 1;
    }
    if (kind === "video" && type !== METADATA && ((data[0] >> 4) & 7) === COMMAND) return;
    if (type !== MULTITRACK[kind]) return this.packet(kind, fourcc(data, at), type, data.subarray(at + 4), time, isKey);
    const many = data[at] >> 4;
    type = data[at++] & 15;
    let codec;
    if (many !== 2) [codec, at] = [fourcc(data, at), at + 4];
    while (at < data.length) {
      if (many === 2) [codec, at] = [fourcc(data, at), at + 4];
      const number = data[at++];
      let size = data.length - at;
      if (many) [size, at] = [u24(data, at), at + 3];
      // The default track is the first one.
      if (number === 0) this.packet(kind, codec, type, data.subarray(at, at + size), time, isKey);
      at += size;
    }
  }

  packet(kind, codec, type, data, time, isKey) {
    if (type === SEQUENCE_START) return this.header(kind, codec, data);
    const isPlain = kind === "video" && type === CODED_FRAMES_X;
    if (type !== CODED_FRAMES && !isPlain) return;
    const hasOffset = !isPlain && WITH_OFFSET.includes(codec);
    const body = hasOffset ? data.subarray(3) : data;
    if (body.length === 0) return;
    if (this.codec[kind] !== codec) {
      if (!WITHOUT_HEADER.includes(codec) && !codec.startsWith("FLV")) return;
      this.header(kind, codec, body);
    }
    this.output.frame({ kind, time, offset: hasOffset ? i24(data, 0) : 0, isKey, data: body });
  }

  header(kind, codec, config) {
    if (WITHOUT_HEADER.includes(codec) && config.length === 0) return;
    this.codec[kind] = codec;
    this.output.header({ kind, codec, config: config.slice() });
  }

  /** Looks for the size of the picture, which not all codecs tell. */
  script(data) {
    if (data.length > MAX_SCRIPT) return;
    const number = (name) => {
      const key = [0, name.length, ...new TextEncoder().encode(name), 0];
      const at = data.findIndex((_, i) => key.every((byte, k) => data[i + k] === byte)) + key.length;
      if (at < key.length || at + 8 > data.length) return 0;
      return new DataView(data.buffer, data.byteOffset + at).getFloat64(0);
    };
    const [width, height] = [number("width"), number("height")];
    if (width > 0 && height > 0 && width < 65536 && height < 65536) this.output.size(width, height);
  }
}
