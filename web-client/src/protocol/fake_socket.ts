// A WebSocket for tests: opens and speaks when the test says so, and remembers what was sent.

import type { ConnectionPlatform } from "./connection";
import type { ServerMessage } from "./generated";

export class FakeSocket {
  readyState = 0;
  closed = false;
  readonly sent: { type: string; [field: string]: unknown }[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: (() => void) | null = null;

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }
  close(): void {
    this.closed = true;
  }

  opens(): void {
    this.readyState = 1;
    this.onopen?.();
  }
  says(message: ServerMessage): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
  types(): string[] {
    return this.sent.map(({ type }) => type);
  }
}

/** A network for tests: each socket opened over it waits to be played with. */
export class FakeNetwork {
  readonly sockets: FakeSocket[] = [];
  wake: () => void = () => undefined;

  readonly platform: ConnectionPlatform = {
    openSocket: () => {
      const socket = new FakeSocket();
      this.sockets.push(socket);
      return socket as unknown as WebSocket;
    },
    random: () => 0,
    onWake: (listener) => {
      this.wake = listener;
      return () => {
        this.wake = () => undefined;
      };
    },
  };

  /** The socket opened last. */
  get socket(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (socket === undefined) throw new Error("no socket was opened");
    return socket;
  }
}
