// A page that shows nothing but captions: its state and its connection. It has no seat and no say.

import {
  browserConnectionPlatform,
  Connection,
  type ConnectionPlatform,
  socketUrl,
} from "../protocol/connection";
import type { ErrorCode, ServerMessage, SessionInfo } from "../protocol/generated";
import type { SessionLink } from "../protocol/link";
import {
  addCaption,
  forgetPassing,
  mergeSnapshot,
  NO_CAPTIONS,
  OFF_RECORD_SHOWN_MS,
  whileListening,
} from "./captions";
import type { Captions } from "./model";

export type ViewerPhase =
  | { readonly kind: "connecting" }
  | { readonly kind: "viewing" }
  | { readonly kind: "reconnecting" }
  /** Nothing more will come: the session is over, or whose captions these were is out. */
  | { readonly kind: "over" }
  | { readonly kind: "failed"; readonly code: ErrorCode };

export interface ViewerState {
  readonly phase: ViewerPhase;
  readonly session: SessionInfo | null;
  readonly captions: Captions;
  readonly clockOffsetMs: number;
}

export const INITIAL_VIEWER: ViewerState = {
  phase: { kind: "connecting" },
  session: null,
  captions: NO_CAPTIONS,
  clockOffsetMs: 0,
};

/** What a message changes. Pure. */
export function reduceViewer(state: ViewerState, message: ServerMessage, now: number): ViewerState {
  switch (message.type) {
    case "viewing":
      return {
        phase: { kind: "viewing" },
        session: message.session,
        captions: mergeSnapshot(state.captions, message.captions),
        clockOffsetMs: message.server_time - now,
      };
    case "caption": {
      const { type: _, ...caption } = message;
      return { ...state, captions: addCaption(state.captions, caption) };
    }
    case "captions": {
      const session = state.session === null ? null : { ...state.session, captions: message.state };
      return { ...state, session, captions: whileListening(state.captions, message.state) };
    }
    case "session": {
      const { type: _, ...session } = message;
      return { ...state, session, captions: whileListening(state.captions, session.captions) };
    }
    case "ended":
    case "removed":
      return { ...state, phase: { kind: "over" } };
    case "error":
      return message.code === "ended" || message.code === "not_found"
        ? { ...state, phase: { kind: "over" } }
        : { ...state, phase: { kind: "failed", code: message.code } };
    default:
      return state;
  }
}

/** The state of a caption page, kept up to date until it is closed. */
export class CaptionViewer {
  #state = INITIAL_VIEWER;
  readonly #listeners = new Set<() => void>();
  readonly #connection: Connection;

  constructor(
    { sessionId, token }: SessionLink,
    pageUrl: string,
    platform: ConnectionPlatform = browserConnectionPlatform,
  ) {
    this.#connection = new Connection(
      socketUrl(pageUrl),
      () => ({ session_id: sessionId, token, name: "", guidelines_accepted: true }),
      {
        onState: (state) => {
          if (state === "reconnecting" && this.#state.phase.kind === "viewing") {
            this.#set({ ...this.#state, phase: { kind: "reconnecting" } });
          }
        },
        onMessage: (message) => this.#receive(message),
      },
      platform,
    );
  }

  readonly getSnapshot = (): ViewerState => this.#state;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  close(): void {
    this.#connection.close();
  }

  #receive(message: ServerMessage): void {
    if (message.type === "caption" && message.off_record === true && message.status !== "partial") {
      const { type: _, ...caption } = message;
      const forget = (): void =>
        this.#set({ ...this.#state, captions: forgetPassing(this.#state.captions, caption) });
      setTimeout(forget, OFF_RECORD_SHOWN_MS);
    }
    this.#set(reduceViewer(this.#state, message, Date.now()));
  }

  #set(next: ViewerState): void {
    if (next === this.#state) return;
    this.#state = next;
    for (const listener of this.#listeners) listener();
  }
}
