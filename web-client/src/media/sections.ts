// The sections of the one peer connection, in the order in which the server reads them:
//
//   microphone, camera, screen, screen audio   sendonly, there from the start, filled by `replaceTrack`
//   (audio, video) × slot pairs                recvonly
//
// Every section offers only the codecs in use: an offer of 25 pairs would be 158 KB otherwise.

import type { TrackSource } from "../protocol/generated";
import { CAMERA_LAYERS, EncodingProbe, isUsed, SCREEN_LAYERS } from "./publishing";

/** The most pairs that are offered; beyond it, pairs follow who is visible or loud. */
export const SLOT_PAIRS_MAX = 25;

/** Opus, and Opus with copies of earlier packets (RFC 2198) where the browser has it. */
const SOUND: readonly string[] = ["audio/opus", "audio/red"];

export type Senders = Readonly<Record<TrackSource, RTCRtpSender>>;

export interface Sections {
  readonly senders: Senders;
  readonly slots: readonly RTCRtpTransceiver[];
  /** Whether the browser lets the codec of each encoding be chosen. */
  readonly readsCodec: boolean;
}

/** Adds all sections to a fresh peer connection. */
export function addSections(peer: RTCPeerConnection, slotPairs: number): Sections {
  const microphone = add(peer, "audio", { direction: "sendonly" });
  const probe = new EncodingProbe(CAMERA_LAYERS);
  const camera = add(peer, "video", { direction: "sendonly", sendEncodings: probe.encodings });
  const screen = add(peer, "video", {
    direction: "sendonly",
    sendEncodings: [...SCREEN_LAYERS],
  });
  const screenAudio = add(peer, "audio", { direction: "sendonly" });
  const slots: RTCRtpTransceiver[] = [];
  for (let pair = 0; pair < Math.min(slotPairs, SLOT_PAIRS_MAX); pair += 1) {
    slots.push(add(peer, "audio", { direction: "recvonly" }), add(peer, "video", { direction: "recvonly" }));
  }
  const senders = {
    microphone: microphone.sender,
    camera: camera.sender,
    screen: screen.sender,
    screen_audio: screenAudio.sender,
  };
  return { senders, slots, readsCodec: probe.readsCodec };
}

function add(
  peer: RTCPeerConnection,
  kind: "audio" | "video",
  init: RTCRtpTransceiverInit,
): RTCRtpTransceiver {
  const transceiver = peer.addTransceiver(kind, init);
  const side = init.direction === "sendonly" ? RTCRtpSender : RTCRtpReceiver;
  const isWanted = (codec: RTCRtpCodec) =>
    kind === "audio" ? SOUND.includes(codec.mimeType.toLowerCase()) : isUsed(codec);
  const known = (side.getCapabilities(kind)?.codecs ?? []).filter(isWanted);
  // VP8 first: what everybody has, and what is sent unless the server asks for another.
  const isVp8 = (codec: RTCRtpCodec) => codec.mimeType.toLowerCase() === "video/vp8";
  const codecs = [...known.filter(isVp8), ...known.filter((codec) => !isVp8(codec))];
  // An old browser without this, or with other codecs only, offers all it has; the server picks.
  if (codecs.length > 0 && "setCodecPreferences" in transceiver) transceiver.setCodecPreferences(codecs);
  return transceiver;
}
