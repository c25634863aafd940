// Joins the layers: what the server says goes through the reducer, what the person wants goes to the devices,
// the media and the server. Framework-free; holds no state of the call itself beside the reducer's.
//
//   ui ──orders──► controller ──► Connection, PeerLink, LocalDevices
//   ui ◄──state─── reduce ◄────── their events

import { type Devices, hasFailed, LocalDevices, type OwnSource } from "../media/devices";
import { LevelMeter } from "../media/level_meter";
import { watchNetwork } from "../media/network";
import { PeerLink } from "../media/peer_link";
import { SLOT_PAIRS_MAX } from "../media/sections";
import { SoundOutput } from "../media/sound";
import { Stage } from "../media/stage";
import type { VideoShown } from "../media/video_gate";
import { type VideoTarget, ViewReporter } from "../media/view";
import {
  browserConnectionPlatform,
  Connection,
  type ConnectionPlatform,
  socketUrl,
} from "../protocol/connection";
import type {
  Caption,
  ClientMessage,
  ErrorCode,
  ParticipantId,
  ServerMessage,
  TypedEnd,
  ViewMode,
  Welcome,
} from "../protocol/generated";
import { linkRole, type SessionLink } from "../protocol/link";
import { isHeld, SeatStore } from "../protocol/seat_store";
import { OFF_RECORD_SHOWN_MS } from "./captions";
import { importanceOf } from "./front";
import { readFront, writeFront } from "./kept_front";
import type { ClientState, Controller } from "./model";
import { readChoices, writeChoices } from "./preferences";
import { type ClientEvent, initialState, reduce } from "./reduce";
import { cameraView, microphoneView, selfOf } from "./selectors";
import { type TypedLine, TypedLines, type TypingNews } from "./typing";
import { readViewMode, writeViewMode } from "./view_mode";

/** How often the browser notes that the seat is in use; a reload within two minutes of it comes straight back. */
const SEEN_EVERY_MS = 5_000;

/** As many orders are remembered in case they are refused. */
const PENDING_MAX = 64;

/** What was typed and refused for now goes out again after this pause: the server then hears twenty messages of it. */
const TYPED_AGAIN_AFTER_MS = 1_000;

type Order = Exclude<ClientMessage, { type: "hello" | "ping" }>;

/** What the controller needs of the browser; tests bring their own. */
export interface ControllerPlatform {
  readonly pageUrl: string;
  readonly storage: Storage | null;
  /** Lasts as long as the tab. */
  readonly tabStorage: Storage | null;
  readonly media: MediaDevices | undefined;
  readonly connection: ConnectionPlatform;
  readonly watchNetwork: (changed: () => void) => () => void;
}

export function browserPlatform(): ControllerPlatform {
  let storage: Storage | null = null;
  let tabStorage: Storage | null = null;
  try {
    storage = globalThis.localStorage;
    tabStorage = globalThis.sessionStorage;
  } catch {
    // Forbidden by the person's settings: a reload asks at the door again.
  }
  // Undefined on plain HTTP, whatever the types say.
  const media = (navigator as Partial<Navigator>).mediaDevices;
  const connection = browserConnectionPlatform;
  return { pageUrl: location.href, storage, tabStorage, media, connection, watchNetwork };
}

/** A controller for one session. Goes straight back to a seat that is still held. */
export function createController(link: SessionLink, platform = browserPlatform()): Controller {
  return new CallController(link, platform);
}

class CallController implements Controller {
  #state: ClientState;
  readonly #listeners = new Set<() => void>();
  #connection: Connection | null = null;
  #mediaEpoch: number | null = null;
  /** What was on before another server process took over, which can't know it. */
  #restore: { microphone: boolean; camera: boolean } | null = null;
  /** Requests whose refusal means more than a notice. */
  readonly #pending = new Map<number, Order["type"]>();
  readonly #typed = new TypedLines();
  /** The latest request to put a caption right that was written as such. */
  #correction: number | null = null;
  /** Since the last (re)connection it is known which lines stand. */
  #knowsWhatStands = false;
  /** Nothing that was typed goes out before this. */
  #typedAgain: ReturnType<typeof setTimeout> | null = null;
  #isReconciling = false;
  #isDisposed = false;
  readonly #seats: SeatStore;
  readonly #devices: LocalDevices;
  readonly #peer: PeerLink;
  readonly #sound: SoundOutput;
  readonly #view: ViewReporter;
  readonly #stage: Stage;
  readonly #meter = new LevelMeter();
  readonly #ownVideos = new Map<HTMLVideoElement, "camera" | "screen">();
  readonly #unwatchNetwork: () => void;
  readonly #seenTimer: ReturnType<typeof setInterval>;

  constructor(
    private readonly sessionLink: SessionLink,
    private readonly platform: ControllerPlatform,
  ) {
    const role = linkRole(sessionLink);
    this.#seats = new SeatStore(sessionLink.sessionId, role, platform.storage);
    const record = this.#seats.read();
    const front = readFront(platform.tabStorage, sessionLink.sessionId);
    this.#state = initialState(role, record?.name ?? "", readViewMode(platform.storage), front);
    this.#peer = new PeerLink({
      sendOffer: (negotiation, sdp) => void this.#send({ type: "offer", negotiation, sdp }),
      onTransport: (transport) => this.#dispatch({ kind: "transport", transport }),
      onSlots: () => this.#stage.update(),
    });
    this.#sound = new SoundOutput((blocked) => this.#dispatch({ kind: "sound_blocked", blocked }));
    this.#view = new ViewReporter((items, mode) => {
      const view = { type: "view", items } as const;
      return this.#sendIfInCall(mode === "full" ? view : { ...view, mode }) !== null;
    });
    this.#applyViewMode();
    this.#view.setImportance(importanceOf(front));
    this.#stage = new Stage(this.#peer, this.#sound, this.#view);
    this.#devices = new LocalDevices(
      {
        onDevices: (devices) => this.#devicesChanged(devices),
        onTrack: (source, track) => this.#ownTrackChanged(source, track),
      },
      readChoices(platform.storage),
      { media: platform.media, canChooseSpeaker: SoundOutput.canChooseSpeaker() },
    );
    this.#sound.chooseSpeaker(this.#devices.devices.speaker.chosen ?? "");
    this.#devices.start();
    this.#unwatchNetwork = platform.watchNetwork(() => this.#peer.refresh());
    this.#seenTimer = setInterval(() => this.#noteSeen(), SEEN_EVERY_MS);
    if (record !== null && isHeld(record, Date.now())) this.join(record.name, true);
  }

  readonly getSnapshot = (): ClientState => this.#state;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly join = (name: string, guidelinesAccepted: boolean): void => {
    this.#connection?.close();
    this.#dispatch({ kind: "joining", name });
    const greeting = () => {
      const { sessionId, token } = this.sessionLink;
      const resume = this.#seats.read()?.resume;
      const hello = { session_id: sessionId, token, name, guidelines_accepted: guidelinesAccepted };
      return resume === undefined ? hello : { ...hello, resume };
    };
    this.#connection = new Connection(
      socketUrl(this.platform.pageUrl),
      greeting,
      {
        onState: (state) => {
          if (state !== "up") this.#knowsWhatStands = false;
          this.#dispatch({ kind: "link", state });
        },
        onMessage: (message) => this.#receive(message),
      },
      this.platform.connection,
    );
  };

  readonly leave = (): void => {
    this.#send({ type: "leave" });
    this.#seats.clear();
    this.#dispatch({ kind: "left" });
  };

  readonly takeBack = (): void => this.join(this.#state.knownName, true);

  readonly backToForm = (): void => this.#dispatch({ kind: "form" });

  readonly setMicrophone = (on: boolean): void => {
    this.#dispatch({ kind: "wish", device: "microphone", on });
    this.#sendIfInCall({ type: "set_microphone", on });
  };

  readonly setCamera = (on: boolean): void => {
    this.#dispatch({ kind: "wish", device: "camera", on });
    this.#sendIfInCall({ type: "set_camera", on });
  };

  readonly chooseMicrophone = (deviceId: string): void => {
    this.#devices.choose("microphone", deviceId);
    writeChoices(this.platform.storage, this.#devices.devices);
  };

  readonly chooseCamera = (deviceId: string): void => {
    this.#devices.choose("camera", deviceId);
    writeChoices(this.platform.storage, this.#devices.devices);
  };

  readonly chooseSpeaker = (deviceId: string): void => {
    this.#devices.chooseSpeaker(deviceId);
    this.#sound.chooseSpeaker(deviceId);
    writeChoices(this.platform.storage, this.#devices.devices);
  };

  readonly startScreenShare = (): void => void this.#devices.openScreen();

  readonly stopScreenShare = (): void => this.#devices.closeScreen();

  readonly resumeSound = (): void => this.#sound.resume();

  readonly observeMicrophoneLevel = (listener: (level: number) => void): (() => void) =>
    this.#meter.observe(listener);

  readonly attachVideo = (
    element: HTMLVideoElement,
    target: VideoTarget,
    onShown: (shown: VideoShown) => void,
  ): (() => void) => this.#stage.attach(element, target, onShown);

  readonly attachOwnVideo = (element: HTMLVideoElement, source: "camera" | "screen"): (() => void) => {
    element.muted = true;
    element.playsInline = true;
    this.#ownVideos.set(element, source);
    showTrack(element, this.#devices.track(source));
    return () => {
      this.#ownVideos.delete(element);
      showTrack(element, null);
    };
  };

  readonly typeLine = (typed: TypedLine): boolean => {
    const offRecord = typed.offRecord || this.#state.session?.off_record === true;
    const isTaken = this.#typed.write({ ...typed, offRecord });
    this.#sendTyped();
    return isTaken;
  };

  readonly forgetRefusedLine = (): void => this.#dispatch({ kind: "refused_line_forgotten" });

  readonly correctCaption = ({ id, revision }: Caption, text: string): boolean => {
    // What comes of it is said where it is written.
    const request = this.#send({ type: "correct", id, text, over: revision });
    if (request === null) return false;
    this.#correction = request;
    this.#typed.correcting(id, text, request);
    this.#sendTyped();
    return true;
  };

  readonly setOffRecord = (on: boolean): void => void this.#order({ type: "set_off_record", on });

  readonly setVocabulary = (terms: readonly string[]): boolean =>
    // What comes of it is said where the terms stand.
    this.#send({ type: "set_vocabulary", terms: [...terms] }) !== null;

  readonly agreeToTranscript = (agree: boolean): void => {
    if (this.#order({ type: "agree_to_transcript", agree }))
      this.#dispatch({ kind: "transcript_answered", agree });
  };

  readonly getCaptionLink = (): void => void this.#order({ type: "get_caption_link" });

  readonly setViewMode = (mode: ViewMode): void => {
    if (mode === this.#state.viewMode) return;
    writeViewMode(this.platform.storage, mode);
    this.#dispatch({ kind: "view_mode", mode });
    this.#applyViewMode();
  };

  readonly pin = (participant: ParticipantId, pinned: boolean): void =>
    this.#dispatch({ kind: "pin", participant, pinned });

  readonly setInterpreter = (participant: ParticipantId | null): void =>
    this.#dispatch({ kind: "interpreter", participant });

  readonly raiseHand = (): void => void this.#order({ type: "raise_hand" });

  readonly lowerHand = (participant?: ParticipantId): void => {
    if (participant === undefined || participant === this.#state.seat?.participant) {
      if (this.#order({ type: "lower_hand" })) this.#dispatch({ kind: "own_hand_lowered" });
    } else {
      this.#order({ type: "lower_hand", participant });
    }
  };

  readonly dismissUnmuteRequest = (): void => this.#dispatch({ kind: "unmute_dismissed" });

  readonly admit = (participant: ParticipantId): void => void this.#order({ type: "admit", participant });
  readonly admitAll = (): void => void this.#order({ type: "admit_all" });
  readonly deny = (participant: ParticipantId): void => void this.#order({ type: "deny", participant });
  readonly mute = (participant: ParticipantId): void => void this.#order({ type: "mute", participant });
  readonly muteEveryone = (): void => void this.#order({ type: "mute_everyone" });
  readonly lockMicrophones = (locked: boolean): void =>
    void this.#order({ type: "lock_microphones", locked });
  readonly askToUnmute = (participant: ParticipantId): void =>
    void this.#order({ type: "ask_to_unmute", participant });
  readonly stopCamera = (participant: ParticipantId): void =>
    void this.#order({ type: "stop_camera", participant });
  readonly remove = (participant: ParticipantId): void => void this.#order({ type: "remove", participant });
  readonly lockSession = (locked: boolean): void => void this.#order({ type: "lock_session", locked });
  readonly renewLink = (): void => void this.#order({ type: "renew_link" });
  readonly endSession = (): void => void this.#order({ type: "end_session" });

  readonly dispose = (): void => {
    this.#isDisposed = true;
    clearInterval(this.#seenTimer);
    if (this.#typedAgain !== null) clearTimeout(this.#typedAgain);
    this.#listeners.clear();
    this.#connection?.close();
    this.#unwatchNetwork();
    this.#peer.close();
    this.#sound.close();
    this.#view.close();
    this.#meter.close();
    this.#devices.dispose();
  };

  #receive(message: ServerMessage): void {
    switch (message.type) {
      case "welcome":
        this.#welcomed(message);
        break;
      case "answer":
        void this.#peer.answer(message.negotiation, message.sdp);
        break;
      case "slot":
        this.#peer.applySlot(message);
        break;
      case "media_lost":
        this.#peer.refresh();
        break;
      case "admitted":
      case "ice_servers":
        this.#peer.setIceServers(message.ice_servers ?? []);
        break;
      case "publish":
        this.#peer.publish(message);
        break;
      case "error":
        if (this.#refused(message.request, message.code) === "said") return;
        break;
      case "denied":
      case "removed":
        this.#seats.update({ comeBack: false });
        break;
      case "ended":
        this.#seats.clear();
        break;
      case "caption":
        this.#forgetWhenPassed(message);
        this.#afterTyped(this.#typed.heard(message, this.#state.seat?.participant ?? null));
        break;
      default:
        break;
    }
    this.#dispatch({ kind: "server", message, now: Date.now() });
    if (message.type === "admitted") this.#admitted(message.typed_lines ?? []);
    if (message.type === "session" && message.off_record) this.#typed.goOffRecord();
  }

  /** What was said off the record stands for a while. */
  #forgetWhenPassed(caption: Caption): void {
    if (caption.off_record !== true || caption.status === "partial") return;
    setTimeout(() => this.#dispatch({ kind: "caption_passed", caption }), OFF_RECORD_SHOWN_MS);
  }

  #welcomed(welcome: Welcome): void {
    this.#pending.clear();
    this.#correction = null;
    this.#seats.write({
      resume: welcome.resume,
      name: this.#state.knownName,
      seenAt: Date.now(),
      comeBack: true,
    });
    if (this.#mediaEpoch === welcome.media_epoch) return;
    const isAnotherProcess = this.#mediaEpoch !== null && this.#state.phase.kind === "call";
    this.#mediaEpoch = welcome.media_epoch;
    this.#restore = isAnotherProcess
      ? { microphone: microphoneView(this.#state).on, camera: cameraView(this.#state) }
      : null;
    this.#peer.close();
  }

  /** One is in: media, and everything about oneself that the server cannot know yet. */
  #admitted(typed: readonly TypedEnd[]): void {
    const { session } = this.#state;
    this.#peer.resume(Math.min(session?.capacity ?? SLOT_PAIRS_MAX, SLOT_PAIRS_MAX));
    this.#view.sendAgain();
    const self = selfOf(this.#state);
    const restore = this.#restore;
    this.#restore = null;
    // Who was muted meanwhile stays muted.
    if (restore?.microphone && self?.microphone === "off")
      this.#dispatch({ kind: "wish", device: "microphone", on: true });
    if (restore?.camera) this.#dispatch({ kind: "wish", device: "camera", on: true });
    const { microphone, camera } = this.#state.wishes;
    if (microphone !== null) this.#send({ type: "set_microphone", on: microphone });
    if (camera !== null) this.#send({ type: "set_camera", on: camera });
    this.#sendScreen();
    if (session?.off_record) this.#typed.goOffRecord();
    const news = this.#typed.cameBack(this.#state.captions.history, typed);
    this.#knowsWhatStands = true;
    this.#afterTyped(news);
  }

  /** Others put a line right that was still being written: its writer is told, and what is left goes out. */
  #afterTyped(news: TypingNews): void {
    if (news === "line_closed") this.#dispatch({ kind: "notice", message: { kind: "own_line_corrected" } });
    this.#sendTyped();
  }

  /** What was typed goes out, or waits until there is a connection. */
  #sendTyped(): void {
    if (this.#knowsWhatStands && this.#typedAgain === null)
      this.#typed.flush((order) => this.#sendIfInCall(order));
  }

  #sendTypedLater(): void {
    this.#typedAgain ??= setTimeout(() => {
      this.#typedAgain = null;
      this.#sendTyped();
    }, TYPED_AGAIN_AFTER_MS);
  }

  #applyViewMode(): void {
    this.#view.setMode(this.#state.viewMode);
    this.#peer.setMode(this.#state.viewMode);
  }

  /** Undoes what was refused. `said`: where it was asked for, so that no notice is needed. */
  #refused(request: number | undefined, code: ErrorCode): "said" | "unsaid" {
    if (code === "ended") this.#seats.clear();
    if (code === "blocked") this.#seats.update({ comeBack: false });
    const order = request === undefined ? undefined : this.#pending.get(request);
    if (order === "set_microphone") this.#dispatch({ kind: "wish", device: "microphone", on: null });
    if (order === "set_camera") this.#dispatch({ kind: "wish", device: "camera", on: null });
    if (order === "set_screen") this.#devices.closeScreen();
    if (order === "offer") this.#peer.offerRefused(code);
    if (request !== undefined && (order === "type" || order === "correct")) {
      const refused = this.#typed.refused(request, code);
      if (refused.kind === "for_now") {
        this.#sendTypedLater();
        return "said";
      }
      // Nothing is lost: the line has gone out since, with all of it.
      if (refused.kind === "superseded" && request !== this.#correction) return "said";
      this.#sendTyped();
      if (refused.kind === "for_good" && refused.lost !== null && code !== "ended") {
        this.#dispatch({ kind: "line_refused", line: { ...refused.lost, code } });
        return "said";
      }
    }
    const isMissed = code === "not_found" || code === "changed_meanwhile";
    const isCorrection = order === "correct" && request === this.#correction;
    // The end of a line that was cut: its rest goes out in another way.
    if (order === "correct" && !isCorrection && isMissed) return "said";
    if (code === "ended" || !(order === "set_vocabulary" || isCorrection)) return "unsaid";
    this.#dispatch({ kind: isCorrection ? "correction_refused" : "vocabulary_refused", code });
    return "said";
  }

  /** A device that cannot be used is off for the others too, until the person switches it on again. */
  #devicesChanged(devices: Devices): void {
    const before = this.#state.devices;
    this.#dispatch({ kind: "devices", devices });
    if (hasFailed(before.microphone, devices.microphone))
      this.#sendIfInCall({ type: "set_microphone", on: false });
    if (hasFailed(before.camera, devices.camera)) this.#sendIfInCall({ type: "set_camera", on: false });
  }

  #ownTrackChanged(source: OwnSource, track: MediaStreamTrack | null): void {
    if (source === "microphone") this.#meter.setTrack(track);
    this.#applyMicrophone();
    this.#peer.setTrack(source, track);
    for (const [element, shown] of this.#ownVideos) if (shown === source) showTrack(element, track);
    if (source === "screen") this.#sendScreen();
  }

  /** The server's record of the shared screen follows what is really shared. */
  #sendScreen(): void {
    const isShared = this.#devices.track("screen") !== null;
    const self = selfOf(this.#state);
    if (self !== null && self.screen !== isShared) this.#send({ type: "set_screen", on: isShared });
  }

  /** A muted microphone is silent at its source too: nothing is sent while the server hears nothing. */
  #applyMicrophone(): void {
    const track = this.#devices.track("microphone");
    if (track !== null) track.enabled = microphoneView(this.#state).on;
  }

  /** Devices, media and connection follow the state. */
  #reconcile(): void {
    const { phase, devices } = this.#state;
    const isOver = !["join", "connecting", "waiting", "call"].includes(phase.kind);
    if (isOver || phase.kind === "join") {
      this.#connection?.close();
      this.#connection = null;
      this.#typed.clear();
    }
    if (phase.kind !== "call" && this.#state.transport !== "idle" && phase.kind !== "connecting") {
      this.#peer.close();
      this.#sound.close();
      this.#mediaEpoch = null;
    }
    if (isOver) {
      this.#devices.closeAll();
      return;
    }
    this.#reconcileInput("microphone", microphoneView(this.#state).on, phase.kind === "call");
    this.#reconcileInput("camera", cameraView(this.#state), false);
    if (phase.kind !== "call" && devices.screen.kind === "live") this.#devices.closeScreen();
    this.#applyMicrophone();
  }

  #reconcileInput(device: "microphone" | "camera", isOn: boolean, keepWhenOff: boolean): void {
    const { capture } = this.#devices.devices[device];
    switch (capture.kind) {
      case "idle":
      case "failed":
        if (isOn) this.#devices.open(device);
        return;
      case "asking":
      case "live":
        if (!isOn && !keepWhenOff) this.#devices.close(device);
        return;
    }
  }

  #dispatch(event: ClientEvent): void {
    if (this.#isDisposed) return;
    const next = reduce(this.#state, event);
    if (next === this.#state) return;
    const { front } = this.#state;
    this.#state = next;
    if (next.front !== front) {
      this.#view.setImportance(importanceOf(next.front));
      writeFront(this.platform.tabStorage, this.sessionLink.sessionId, next.front);
    }
    // What follows may change the state again: then the innermost call has the last word for all.
    if (!this.#isReconciling) {
      this.#isReconciling = true;
      let settled: ClientState;
      do {
        settled = this.#state;
        this.#reconcile();
      } while (settled !== this.#state);
      this.#isReconciling = false;
    }
    for (const listener of this.#listeners) listener();
  }

  #noteSeen(): void {
    if (this.#connection?.state === "up") this.#seats.update({ seenAt: Date.now() });
  }

  /** An order of the person's; if it cannot go out, they are told. */
  #order(order: Order): boolean {
    const isSent = this.#send(order) !== null;
    if (!isSent) this.#dispatch({ kind: "notice", message: { kind: "not_connected" } });
    return isSent;
  }

  #sendIfInCall(order: Order): number | null {
    return this.#state.phase.kind === "call" ? this.#send(order) : null;
  }

  #send(order: Order): number | null {
    const request = this.#connection?.send(order) ?? null;
    if (request === null) return null;
    this.#pending.set(request, order.type);
    // Refusals come at once: what is older than this was not refused.
    this.#pending.delete(request - PENDING_MAX);
    return request;
  }
}

function showTrack(element: HTMLVideoElement, track: MediaStreamTrack | null): void {
  element.srcObject = track === null ? null : new MediaStream([track]);
  // Muted video may always play; an element emptied before it starts says so, to nobody's harm.
  if (track !== null) element.play().catch(() => undefined);
}
