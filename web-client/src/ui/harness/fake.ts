// A controller without a server: shows the state it was given and draws moving pictures for videos. For
// looking at the pages and for their tests; no part of what is served.

import { pin } from "../../state/front";
import type { ClientState, Controller, VideoTarget } from "../../state/model";

/** A picture that changes, in the colour of its number. */
function paint(element: HTMLVideoElement, seed: string): () => void {
  const canvas = document.createElement("canvas");
  canvas.width = 640;
  canvas.height = 360;
  const context = canvas.getContext("2d");
  if (context === null || !("captureStream" in canvas)) {
    return () => undefined;
  }
  const hue = [...seed].reduce((sum, letter) => sum + letter.charCodeAt(0) * 37, 0) % 360;
  const draw = (): void => {
    context.fillStyle = `hsl(${hue} 30% 35%)`;
    context.fillRect(0, 0, 640, 360);
    context.fillStyle = `hsl(${hue} 35% 62%)`;
    context.beginPath();
    context.arc(320, 150, 70, 0, 7);
    context.fill();
    context.beginPath();
    context.ellipse(320, 370, 150, 130, 0, 0, 7);
    context.fill();
  };
  draw();
  const timer = setInterval(draw, 200);
  element.srcObject = canvas.captureStream(5);
  return () => {
    clearInterval(timer);
    element.srcObject = null;
  };
}

export interface FakeController extends Controller {
  /** Replaces the state. */
  readonly show: (state: ClientState) => void;
  /** What was asked for, as words: `mute p2`. */
  readonly orders: string[];
}

export function fakeController(first: ClientState): FakeController {
  let state = first;
  const listeners = new Set<() => void>();
  const orders: string[] = [];
  const order =
    (name: string) =>
    (...values: readonly unknown[]): void => {
      orders.push([name, ...values].map(String).join(" "));
    };
  const show = (next: ClientState): void => {
    state = next;
    for (const listener of listeners) {
      listener();
    }
  };
  return {
    orders,
    show,
    getSnapshot: () => state,
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    attachVideo: (element, target: VideoTarget, onShown) => {
      onShown("shown");
      return paint(element, target.participant);
    },
    attachOwnVideo: (element) => paint(element, "own"),
    observeMicrophoneLevel: (listener) => {
      listener(0.42);
      return () => undefined;
    },
    join: order("join"),
    leave: order("leave"),
    takeBack: order("takeBack"),
    backToForm: order("backToForm"),
    setMicrophone: order("setMicrophone"),
    setCamera: order("setCamera"),
    chooseMicrophone: order("chooseMicrophone"),
    chooseCamera: order("chooseCamera"),
    chooseSpeaker: order("chooseSpeaker"),
    startScreenShare: order("startScreenShare"),
    stopScreenShare: order("stopScreenShare"),
    resumeSound: order("resumeSound"),
    // As many wait as may, where there is no connection.
    typeLine: ({ line, text, done, speaker, offRecord }) => {
      order("typeLine")(line, text, done, speaker ?? "own", offRecord ? "off" : "on");
      return state.link === "up";
    },
    forgetRefusedLine: () => show({ ...state, refusedLine: null }),
    correctCaption: (caption, text) => {
      order("correctCaption")(caption.id.number, text);
      return state.link === "up";
    },
    setOffRecord: order("setOffRecord"),
    setVocabulary: (terms) => {
      order("setVocabulary")(...terms);
      return state.link === "up";
    },
    agreeToTranscript: order("agreeToTranscript"),
    getCaptionLink: order("getCaptionLink"),
    setViewMode: order("setViewMode"),
    pin: (participant, pinned) => show({ ...state, front: pin(state.front, participant, pinned) }),
    setInterpreter: order("setInterpreter"),
    raiseHand: order("raiseHand"),
    lowerHand: order("lowerHand"),
    dismissUnmuteRequest: order("dismissUnmuteRequest"),
    admit: order("admit"),
    admitAll: order("admitAll"),
    deny: order("deny"),
    mute: order("mute"),
    muteEveryone: order("muteEveryone"),
    lockMicrophones: order("lockMicrophones"),
    askToUnmute: order("askToUnmute"),
    stopCamera: order("stopCamera"),
    remove: order("remove"),
    lockSession: order("lockSession"),
    renewLink: order("renewLink"),
    endSession: order("endSession"),
    dispose: order("dispose"),
  };
}
