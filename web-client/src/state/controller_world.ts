// One browser with a controller in it, for tests: its network, its devices and its clock do what the test says.

import { afterEach, beforeEach, vi } from "vitest";
import { FakeAudio, FakeDevices, FakePeer, type FakeTrack, fakeMediaGlobals } from "../media/fake_media";
import { FakeNetwork } from "../protocol/fake_socket";
import type { Caption, Participant, ServerMessage, TypedEnd, Welcome } from "../protocol/generated";
import { person, SESSION, welcome } from "../protocol/samples";
import { createController } from "./controller";
import type { ClientState, Controller } from "./model";

const { session_id: sessionId } = SESSION;

function memoryStorage(): Storage {
  const items = new Map<string, string>();
  return {
    getItem: (key: string) => items.get(key) ?? null,
    setItem: (key: string, value: string) => void items.set(key, value),
    removeItem: (key: string) => void items.delete(key),
  } as Storage;
}

/** One browser: what it keeps outlives its pages. */
export class World {
  readonly network = new FakeNetwork();
  readonly fake = new FakeDevices();
  readonly storage = memoryStorage();
  readonly tabStorage = memoryStorage();
  otherNetwork: () => void = () => undefined;
  controller: Controller = this.#open();
  me = person("ann");

  #open(): Controller {
    return createController(
      { sessionId, token: "token" },
      {
        pageUrl: `http://here/s/${sessionId}#token`,
        storage: this.storage,
        tabStorage: this.tabStorage,
        media: this.fake.media,
        connection: this.network.platform,
        watchNetwork: (changed) => {
          this.otherNetwork = changed;
          return () => undefined;
        },
      },
    );
  }

  /** The page is loaded anew. */
  reload(): void {
    this.controller.dispose();
    this.controller = this.#open();
  }

  get state(): ClientState {
    return this.controller.getSnapshot();
  }

  says(...messages: ServerMessage[]): void {
    for (const message of messages) this.network.socket.says(message);
  }

  async welcomes(change: Partial<Welcome> = {}): Promise<void> {
    this.network.socket.opens();
    this.says(welcome({ server_time: Date.now(), ...change }));
  }

  async admits(captions: Caption[] = [], typed: TypedEnd[] = []): Promise<void> {
    this.says({
      type: "admitted",
      participants: [this.me],
      knocks: [],
      captions,
      transcript_agreed: null,
      ...(typed.length === 0 ? {} : { typed_lines: typed }),
    });
    await passes();
  }

  /** Joins from the form and is let in. */
  async inCall(): Promise<void> {
    this.controller.join("Ann", true);
    await this.welcomes();
    await this.admits();
  }

  /** The server's view of oneself changes. */
  becomes(change: Partial<Participant>): void {
    this.me = { ...this.me, ...change };
    this.says({ type: "participant", ...this.me });
  }

  async mediaConnects(): Promise<void> {
    this.says({ type: "answer", negotiation: Number(this.last("offer")?.negotiation), sdp: "answer" });
    await passes();
    FakePeer.last.becomes("connected");
  }

  /** What was sent of a kind, over all connections. */
  sent(type: string): Record<string, unknown>[] {
    return this.network.sockets.flatMap(({ sent }) => sent).filter((message) => message.type === type);
  }
  last(type: string): Record<string, unknown> | undefined {
    return this.sent(type).at(-1);
  }
  /** The microphone as it is sent. */
  get microphone(): FakeTrack | null {
    return FakePeer.last.transceivers[0]?.sender.track ?? null;
  }
}

export const passes = (ms = 0) => vi.advanceTimersByTimeAsync(ms);

/** The clock and the media of a browser, for every test of a file. */
export function inBrowser(): void {
  let undo: () => void;
  beforeEach(() => {
    vi.useFakeTimers();
    undo = fakeMediaGlobals();
    FakeAudio.refusal = null;
  });
  afterEach(() => {
    undo();
    vi.useRealTimers();
  });
}
