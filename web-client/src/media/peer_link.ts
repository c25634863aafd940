// The media's way to the server: one peer connection at a time. The client always offers; the server is
// ICE-lite and puts its candidates into the answer, so nothing is trickled.
//
//   open ──► offer ──► answer ──► connected ──┬── disconnected, failed, another network, the server
//     ▲                                       │   hears nothing ──► ICE restart (new offer)
//     │                                       └── closed, ICE restarts that don't help ──► a new one
//     └── media_epoch changed: another server process
//
// Knows tracks and sections, not people: who is in which section is the slot table's.

import { isPassing } from "../protocol/connection";
import type { ErrorCode, IceServer, Publish, Slot, TrackSource, ViewMode } from "../protocol/generated";
import { withAudioNack } from "./audio_nack";
import { browserAbilities, CAMERA_LAYERS, EVERYTHING, Publishing, SCREEN_LAYERS, within } from "./publishing";
import { addSections, type Sections } from "./sections";
import { SlotTable } from "./slots";

/** The way of the media to the server. */
export type Transport = "idle" | "connecting" | "connected" | "interrupted";

/**
 * A hiccup is over within this time; then a restart would only cost. A restart itself loses nothing: media goes on
 * over the old way until the new one works.
 */
export const RESTART_AFTER_MS = 500;
/** An attempt that has not connected within this time is given up for a new one. */
export const CONNECT_WITHIN_MS = 10_000;
/** A refused offer is followed by another peer connection after this time, growing each time. */
export const OFFER_AGAIN_AFTER_MS = 3_000;
/** As often; then what this browser offers is not for this server. */
const REFUSALS_MAX = 3;
/** ICE restarts in a row before a new peer connection is made. */
const RESTARTS_MAX = 2;

export interface PeerLinkEvents {
  /** Sends an offer; lost if the link is down: it is made again after a while. */
  readonly sendOffer: (negotiation: number, sdp: string) => void;
  readonly onTransport: (transport: Transport) => void;
  /** Some section carries somebody else, or all sections are new. */
  readonly onSlots: () => void;
}

export class PeerLink {
  #peer: RTCPeerConnection | null = null;
  #sections: Sections | null = null;
  #slots = new SlotTable();
  #byMid = new Map<string, RTCRtpTransceiver>();
  #slotPairs = 0;
  /** Slots are believed only after the first answer: earlier ones are those of the page before a reload. */
  #isAnswered = false;
  #negotiation = 0;
  #restarts = 0;
  /** Offers in a row that were not understood. */
  #refusals = 0;
  #iceServers: readonly IceServer[] = [];
  #transport: Transport = "idle";
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #tracks = new Map<TrackSource, MediaStreamTrack>();
  readonly #publishing = new Map<TrackSource, Publishing>();
  /** What the server asked for last; it holds for later peer connections too. */
  readonly #publish = new Map<TrackSource, Publish>();
  #mode: ViewMode = "full";

  constructor(private readonly events: PeerLinkEvents) {}

  get slots(): SlotTable {
    return this.#slots;
  }

  /** Makes a new peer connection, in place of the one there was. */
  open(slotPairs: number): void {
    this.#abandon();
    this.#slotPairs = slotPairs;
    this.#setTransport(this.#transport === "idle" ? "connecting" : "interrupted");
    const peer = new RTCPeerConnection(this.#configuration());
    this.#peer = peer;
    this.#sections = addSections(peer, slotPairs);
    const { camera, screen } = this.#sections.senders;
    const abilities = browserAbilities(this.#sections.readsCodec);
    this.#publishing.set("camera", new Publishing(camera, CAMERA_LAYERS, abilities));
    this.#publishing.set("screen", new Publishing(screen, SCREEN_LAYERS, abilities));
    for (const [source, track] of this.#tracks) this.#fill(source, track);
    peer.onconnectionstatechange = () => this.#connectionChanged(peer.connectionState);
    this.events.onSlots();
    void this.#offer(peer, false);
  }

  /** The link to the server is back: goes on with what there is, if it was ever answered. */
  resume(slotPairs: number): void {
    if (this.#peer === null || !this.#isAnswered) this.open(slotPairs);
    else if (this.#peer.signalingState !== "stable") void this.#offer(this.#peer, true);
  }

  /**
   * The way may not be the best any more, or not work at all: another network, or the server hears nothing. A new
   * one is looked for at once; media goes on over the old one meanwhile.
   */
  refresh(): void {
    const peer = this.#peer;
    // An offer on its way, or the next one, looks for a way anyhow.
    if (peer === null || !this.#isAnswered || peer.signalingState !== "stable") return;
    void this.#offer(peer, true);
  }

  /** Relays to try where nothing else works; the next offer looks for ways through them. */
  setIceServers(iceServers: readonly IceServer[]): void {
    this.#iceServers = iceServers;
    this.#peer?.setConfiguration(this.#configuration());
  }

  /** Ends the media. */
  close(): void {
    this.#abandon();
    this.events.onSlots();
    this.#setTransport("idle");
  }

  /** What is sent from a source; null: nothing. Holds for later peer connections too. */
  setTrack(source: TrackSource, track: MediaStreamTrack | null): void {
    if ((this.#tracks.get(source) ?? null) === track) return;
    if (track === null) this.#tracks.delete(source);
    else this.#tracks.set(source, track);
    this.#fill(source, track);
  }

  /** The server's answer. */
  async answer(negotiation: number, sdp: string): Promise<void> {
    const peer = this.#peer;
    if (peer === null || negotiation !== this.#negotiation || peer.signalingState !== "have-local-offer")
      return;
    this.#isAnswered = true;
    try {
      await peer.setRemoteDescription({ type: "answer", sdp });
    } catch {
      // Not an answer to this offer after all: the clock started with the offer makes a new one.
      return;
    }
    // No change of state may follow where the old way works: this offer is through.
    if (peer.connectionState === "connected") this.#connectionChanged("connected");
    for (const publish of this.#publish.values()) this.#apply(publish);
    if (this.#mode !== "full") this.#limit();
    else this.#fit();
  }

  #configuration(): RTCConfiguration {
    return { bundlePolicy: "max-bundle", iceServers: this.#iceServers.map((server) => ({ ...server })) };
  }

  /** The server asks for another codec of a video, or for other layers. */
  publish(publish: Publish): void {
    this.#publish.set(publish.source, publish);
    if (this.#isAnswered) this.#apply(publish);
  }

  /** How much video one wants at all: one sends accordingly less. */
  setMode(mode: ViewMode): void {
    if (this.#mode === mode) return;
    this.#mode = mode;
    if (this.#isAnswered) this.#limit();
  }

  /** The camera follows the mode, whether or not the server asked for anything. */
  #limit(): void {
    this.#apply(this.#publish.get("camera") ?? EVERYTHING);
  }

  #apply(publish: Publish): void {
    this.#publishing.get(publish.source)?.apply(within(publish, this.#mode));
  }

  /** The server refused an offer. */
  offerRefused(code: ErrorCode): void {
    if (this.#peer === null) return;
    this.#setTransport("interrupted");
    // A server that is too busy may take the next one, which the clock started with the offer makes.
    if (isPassing(code) || code === "session_outgrown") return;
    // The same offer again would be as bad as this one; a fresh one need not be.
    clearTimeout(this.#timer);
    this.#refusals += 1;
    if (this.#refusals <= REFUSALS_MAX)
      this.#timer = setTimeout(() => this.open(this.#slotPairs), this.#refusals * OFFER_AGAIN_AFTER_MS);
  }

  /** A section carries somebody else from now on. */
  applySlot(slot: Slot): void {
    if (this.#isAnswered && this.#slots.apply(slot)) this.events.onSlots();
  }

  /** The receiver of a section, or null if there is no such section. */
  receiver(mid: string): RTCRtpReceiver | null {
    return this.#byMid.get(mid)?.receiver ?? null;
  }

  #fill(source: TrackSource, track: MediaStreamTrack | null): void {
    // It fails only when the track has just ended or the connection has just closed: both bring a new call.
    const filled = this.#sections?.senders[source].replaceTrack(track);
    filled?.then(() => this.#fit()).catch(() => undefined);
  }

  /** Cuts the camera's picture into other layers if it has another size now. */
  #fit(): void {
    if (this.#isAnswered && this.#publishing.get("camera")?.isOutgrown) this.#limit();
  }

  async #offer(peer: RTCPeerConnection, iceRestart: boolean): Promise<void> {
    this.#negotiation += 1;
    const negotiation = this.#negotiation;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#recover(), CONNECT_WITHIN_MS);
    try {
      const offer = await peer.createOffer({ iceRestart });
      if (peer !== this.#peer || negotiation !== this.#negotiation) return;
      await setOffer(peer, offer);
      if (peer !== this.#peer || negotiation !== this.#negotiation) return;
      for (const transceiver of this.#sections?.slots ?? []) {
        if (transceiver.mid !== null) this.#byMid.set(transceiver.mid, transceiver);
      }
      this.events.sendOffer(negotiation, peer.localDescription?.sdp ?? offer.sdp ?? "");
    } catch {
      // The peer connection was closed meanwhile, or is in no state to offer: the clock above takes over.
    }
  }

  #connectionChanged(state: RTCPeerConnectionState): void {
    switch (state) {
      case "connected":
        clearTimeout(this.#timer);
        this.#restarts = 0;
        this.#refusals = 0;
        this.#setTransport("connected");
        return;
      case "disconnected":
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => this.#recover(), RESTART_AFTER_MS);
        this.#setTransport("interrupted");
        return;
      case "failed":
      case "closed":
        this.#recover();
        return;
      case "new":
      case "connecting":
        return;
    }
  }

  /** A restart keeps what is set up; when that does not help, or cannot, everything is made anew. */
  #recover(): void {
    const peer = this.#peer;
    if (peer === null) return;
    this.#setTransport("interrupted");
    if (this.#isAnswered && this.#restarts < RESTARTS_MAX && peer.connectionState !== "closed") {
      this.#restarts += 1;
      void this.#offer(peer, true);
    } else {
      this.open(this.#slotPairs);
    }
  }

  #abandon(): void {
    clearTimeout(this.#timer);
    this.#restarts = 0;
    this.#isAnswered = false;
    const peer = this.#peer;
    this.#peer = null;
    this.#sections = null;
    this.#publishing.clear();
    this.#slots = new SlotTable();
    this.#byMid = new Map();
    if (peer === null) return;
    peer.onconnectionstatechange = null;
    peer.close();
  }

  #setTransport(transport: Transport): void {
    if (this.#transport === transport) return;
    this.#transport = transport;
    this.events.onTransport(transport);
  }
}

/** Repairs of sound are asked for where the browser lets them be; they have no switch of their own. */
async function setOffer(peer: RTCPeerConnection, offer: RTCSessionDescriptionInit): Promise<void> {
  try {
    await peer.setLocalDescription({ type: "offer", sdp: withAudioNack(offer.sdp ?? "") });
  } catch {
    await peer.setLocalDescription(offer);
  }
}
