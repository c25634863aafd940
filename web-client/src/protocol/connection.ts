// The WebSocket to the server, kept up: hello first, a ping every few seconds, and when the connection is
// lost another one, with growing pauses, until the server says that there is nothing to come back to.
//
// Knows nothing of what the messages mean beyond that. `onMessage` gets every message but `pong`.

import {
  type ClientMessage,
  type ErrorCode,
  type Hello,
  PROTOCOL_VERSION,
  type ServerMessage,
} from "./generated";
import { parseServerMessage } from "./messages";

/** How often the client shows that it is there. */
export const PING_EVERY_MS = 5_000;
/** A ping unanswered for this long means that the connection is dead, whatever the system says. */
export const DEAD_AFTER_MS = 10_000;
/** How long opening and `welcome` may take together. */
export const WELCOME_WITHIN_MS = 10_000;
/** The pauses between attempts grow from the first to the second; each is shortened at random by up to half. */
export const RETRY_FIRST_MS = 500;
export const RETRY_MAX_MS = 10_000;

export type ConnectionState = "connecting" | "up" | "reconnecting" | "closed";

export interface ConnectionEvents {
  readonly onState: (state: ConnectionState) => void;
  readonly onMessage: (message: ServerMessage) => void;
}

/** What the connection needs of the browser; tests bring their own. */
export interface ConnectionPlatform {
  readonly openSocket: (url: string) => WebSocket;
  /** From 0 up to, not including, 1. */
  readonly random: () => number;
  /** Calls back when trying again at once is likely to help; returns the end of it. */
  readonly onWake: (listener: () => void) => () => void;
}

export const browserConnectionPlatform: ConnectionPlatform = {
  openSocket: (url) => new WebSocket(url),
  random: Math.random,
  onWake: (listener) => {
    const ifVisible = () => {
      if (document.visibilityState === "visible") listener();
    };
    window.addEventListener("online", listener);
    document.addEventListener("visibilitychange", ifVisible);
    return () => {
      window.removeEventListener("online", listener);
      document.removeEventListener("visibilitychange", ifVisible);
    };
  },
};

/** The address of the WebSocket that belongs to a page. */
export function socketUrl(pageUrl: string): string {
  const url = new URL("/api/v1/ws", pageUrl);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}

/** `hello` as the caller knows it; the connection adds the versions. */
export type Greeting = Omit<Hello, "versions">;

export class Connection {
  #socket: WebSocket | null = null;
  #state: ConnectionState = "closed";
  #wasUp = false;
  #attempts = 0;
  #requests = 0;
  #pingSentAt: number | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #stopWaking: () => void;

  /** Connects at once. `greeting` is asked for anew at each attempt: the resume token changes. */
  constructor(
    private readonly url: string,
    private readonly greeting: () => Greeting,
    private readonly events: ConnectionEvents,
    private readonly platform: ConnectionPlatform = browserConnectionPlatform,
  ) {
    this.#stopWaking = platform.onWake(() => this.#wake());
    this.#connect("connecting");
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Sends a message; returns its number, which an error about it carries, or null if the link is not up. */
  send(message: Exclude<ClientMessage, { type: "hello" | "ping" }>): number | null {
    if (this.#state !== "up") return null;
    this.#requests += 1;
    this.#write({ request: this.#requests, ...message });
    return this.#requests;
  }

  /** Ends the connection for good. */
  close(): void {
    if (this.#state === "closed") return;
    this.#stopWaking();
    this.#abandonSocket();
    this.#setState("closed");
  }

  #connect(state: "connecting" | "reconnecting"): void {
    this.#setState(state);
    // The listener may have closed the connection.
    if (this.#state === "closed") return;
    const socket = this.platform.openSocket(this.url);
    this.#socket = socket;
    this.#timer = setTimeout(() => this.#lost(), WELCOME_WITHIN_MS);
    socket.onopen = () => this.#write({ type: "hello", versions: [PROTOCOL_VERSION], ...this.greeting() });
    socket.onmessage = (event) => this.#receive(event.data);
    socket.onclose = () => this.#lost();
  }

  #receive(data: unknown): void {
    this.#pingSentAt = null;
    const message = parseServerMessage(data);
    if (message === null || message.type === "pong") return;
    if (message.type === "welcome" || message.type === "viewing") this.#welcomed();
    if (this.#isLast(message)) {
      this.close();
    } else if (message.type === "error" && this.#state !== "up") {
      // Refused for now, and the socket is of no more use: its `close` leads to the next attempt.
      this.#lost();
      return;
    }
    this.events.onMessage(message);
  }

  #welcomed(): void {
    this.#wasUp = true;
    this.#attempts = 0;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#tick(), PING_EVERY_MS);
    this.#setState("up");
  }

  /** Whether a message leaves nothing to come back to. */
  #isLast(message: ServerMessage): boolean {
    switch (message.type) {
      case "denied":
      case "taken_over":
      case "removed":
      case "ended":
        return true;
      case "error":
        if (this.#state === "up") return message.code === "ended";
        return !(isPassing(message.code) && (this.#wasUp || this.greeting().resume !== undefined));
      default:
        return false;
    }
  }

  #tick(): void {
    const now = Date.now();
    // Only an unanswered ping counts: timers of a tab in the background may sleep for a minute.
    if (this.#pingSentAt !== null && now - this.#pingSentAt >= DEAD_AFTER_MS) {
      this.#lost();
      return;
    }
    this.#pingSentAt ??= now;
    this.#write({ type: "ping" });
    this.#timer = setTimeout(() => this.#tick(), PING_EVERY_MS);
  }

  /** The connection is gone: tries again after a pause. */
  #lost(): void {
    this.#abandonSocket();
    const grown = Math.min(RETRY_FIRST_MS * 2 ** this.#attempts, RETRY_MAX_MS);
    const pause = grown * (1 - this.platform.random() / 2);
    this.#attempts += 1;
    this.#timer = setTimeout(() => this.#connect("reconnecting"), pause);
    this.#setState("reconnecting");
  }

  /** The network is back or somebody looks: a pause is cut short, a doubtful connection is tried out. */
  #wake(): void {
    if (this.#state === "up") {
      clearTimeout(this.#timer);
      this.#tick();
    } else if (this.#state === "reconnecting" && this.#socket === null) {
      clearTimeout(this.#timer);
      this.#attempts = 0;
      this.#connect("reconnecting");
    }
  }

  /** Closing a dead socket can take minutes: nobody waits for it. */
  #abandonSocket(): void {
    clearTimeout(this.#timer);
    this.#pingSentAt = null;
    const socket = this.#socket;
    this.#socket = null;
    if (socket === null) return;
    socket.onopen = null;
    socket.onmessage = null;
    socket.onclose = null;
    socket.close();
  }

  #write(message: ClientMessage & { request?: number }): void {
    if (this.#socket?.readyState === 1) this.#socket.send(JSON.stringify(message));
  }

  #setState(state: ConnectionState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.events.onState(state);
  }
}

/** Whether what was refused, at the door or inside, may be taken at the next attempt. */
export function isPassing(code: ErrorCode): boolean {
  switch (code) {
    case "overloaded":
    case "store_unavailable":
    case "internal":
    case "too_many_messages":
      return true;
    case "malformed":
    case "unknown_message":
    case "too_large":
    case "unsupported_version":
    case "out_of_order":
    case "unauthorized":
    case "forbidden":
    case "not_found":
    case "ended":
    case "session_locked":
    case "session_full":
    case "session_outgrown":
    case "blocked":
    case "microphones_locked":
    case "screen_taken":
    case "changed_meanwhile":
    case "invalid_name":
    case "guidelines_not_accepted":
    case "invalid_value":
    case "invalid_offer":
      return false;
  }
}
