// Why a stream is not played, in sentences for people.

import { Source } from "./mse.js";

export const HLS_TYPE = "application/vnd.apple.mpegurl";
export const NO_SOURCE = "This browser has no Media Source Extensions.";
export const NO_ADDRESS = "The server offers it over neither HTTP-FLV nor HLS.";
const NAMES = {
  avc1: "H.264", avc3: "H.264", hvc1: "H.265", hev1: "H.265", vvc1: "H.266", av01: "AV1", vp08: "VP8", vp09: "VP9", mp4a: "AAC",
  mp3: "MP3", Opus: "Opus", opus: "Opus", fLaC: "FLAC", flac: "FLAC", "ac-3": "AC-3", "ec-3": "E-AC-3",
};

/** Whether this browser plays a stream, and why not, or not all of it: a sentence, or "". */
export function whyNot({ codecs, flv, hls, in_hls: inHls = {} }) {
  const video = document.createElement("video");
  const byFlv = flv && Source;
  if (!byFlv && !(hls && (Source || video.canPlayType(HLS_TYPE)))) return { plays: false, why: flv || hls ? NO_SOURCE : NO_ADDRESS };
  const fault = (kind) => {
    const name = codecs[kind];
    if (!name) return "";
    const type = nameOf(name) === "MP3" ? "audio/mpeg" : `${kind}/mp4; codecs="${name}"`;
    if (!(Source ? Source.isTypeSupported(type) : video.canPlayType(type))) return cannot(name);
    return byFlv || inHls[kind] ? "" : `HLS has no ${nameOf(name)}`;
  };
  const [picture, sound] = [fault("video"), fault("audio")];
  if (picture && (sound || !codecs.audio)) return { plays: false, why: sentence(picture) };
  if (sound && !codecs.video) return { plays: false, why: sentence(sound) };
  return { plays: true, why: picture ? `No picture: ${picture}.` : sound ? `No sound: ${sound}.` : "" };
}

function nameOf(codec) {
  if (/^mp4a\.(6b|69)$/i.test(codec)) return "MP3";
  return NAMES[codec.split(".").find(Boolean)] ?? codec;
}

export const cannot = (codec) => `this browser cannot play ${nameOf(codec)}`;
export const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1) + (/[.…!?]$/.test(text) ? "" : ".");
