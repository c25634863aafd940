import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  Connection,
  type ConnectionState,
  DEAD_AFTER_MS,
  type Greeting,
  PING_EVERY_MS,
  RETRY_FIRST_MS,
  RETRY_MAX_MS,
  socketUrl,
  WELCOME_WITHIN_MS,
} from "./connection";
import { FakeNetwork, type FakeSocket } from "./fake_socket";
import type { ServerMessage } from "./generated";
import { welcome } from "./samples";

class World {
  readonly network = new FakeNetwork();
  readonly states: ConnectionState[] = [];
  readonly messages: ServerMessage[] = [];
  greeting: Greeting = {
    session_id: "0".repeat(32),
    token: "secret",
    name: "Ann",
    guidelines_accepted: true,
  };
  readonly connection = new Connection(
    "ws://here/api/v1/ws",
    () => this.greeting,
    {
      onState: (state) => this.states.push(state),
      onMessage: (message) => this.messages.push(message),
    },
    this.network.platform,
  );

  get sockets(): FakeSocket[] {
    return this.network.sockets;
  }

  get socket(): FakeSocket {
    return this.network.socket;
  }

  comesUp(): void {
    this.socket.opens();
    this.socket.says(welcome());
  }
}

describe("a connection", () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  test("says hello first and is up with the welcome", () => {
    const world = new World();
    world.socket.opens();
    expect(world.socket.sent).toEqual([{ type: "hello", versions: [1], ...world.greeting }]);
    expect(world.connection.send({ type: "raise_hand" })).toBeNull();
    world.socket.says(welcome());
    expect(world.states).toEqual(["connecting", "up"]);
    expect(world.messages.map(({ type }) => type)).toEqual(["welcome"]);
  });

  test("numbers its requests", () => {
    const world = new World();
    world.comesUp();
    expect(world.connection.send({ type: "raise_hand" })).toBe(1);
    expect(world.connection.send({ type: "set_camera", on: true })).toBe(2);
    expect(world.socket.sent.slice(1)).toEqual([
      { request: 1, type: "raise_hand" },
      { request: 2, type: "set_camera", on: true },
    ]);
  });

  test("pings, and an answered ping keeps it up", () => {
    const world = new World();
    world.comesUp();
    for (let i = 0; i < 10; i += 1) {
      vi.advanceTimersByTime(PING_EVERY_MS);
      world.socket.says({ type: "pong" });
    }
    expect(world.socket.types().filter((type) => type === "ping")).toHaveLength(10);
    expect(world.connection.state).toBe("up");
    expect(world.messages.map(({ type }) => type)).toEqual(["welcome"]);
  });

  test("an unanswered ping ends it, and it comes back to the same seat", () => {
    const world = new World();
    world.comesUp();
    const first = world.socket;
    world.greeting = { ...world.greeting, resume: "resume-1" };
    vi.advanceTimersByTime(PING_EVERY_MS + DEAD_AFTER_MS);
    expect(first.closed).toBe(true);
    expect(world.connection.state).toBe("reconnecting");
    vi.advanceTimersByTime(RETRY_FIRST_MS);
    world.socket.opens();
    expect(world.socket.sent[0]).toMatchObject({ type: "hello", resume: "resume-1" });
    world.socket.says(welcome());
    expect(world.states).toEqual(["connecting", "up", "reconnecting", "up"]);
  });

  test("a tab whose timers slept is not taken for a dead connection", () => {
    const world = new World();
    world.comesUp();
    vi.advanceTimersByTime(PING_EVERY_MS);
    world.socket.says({ type: "pong" });
    vi.setSystemTime(Date.now() + 60_000);
    vi.advanceTimersByTime(PING_EVERY_MS);
    expect(world.connection.state).toBe("up");
  });

  test("attempts grow rarer, up to a limit", () => {
    const world = new World();
    world.comesUp();
    const pauses: number[] = [];
    for (let i = 0; i < 8; i += 1) {
      const before = world.sockets.length;
      world.socket.onclose?.();
      const start = Date.now();
      while (world.sockets.length === before) vi.advanceTimersByTime(100);
      pauses.push(Date.now() - start);
    }
    expect(pauses).toEqual([500, 1_000, 2_000, 4_000, 8_000, RETRY_MAX_MS, RETRY_MAX_MS, RETRY_MAX_MS]);
  });

  test("when the network is back it does not wait", () => {
    const world = new World();
    world.comesUp();
    world.socket.onclose?.();
    const before = world.sockets.length;
    world.network.wake();
    expect(world.sockets).toHaveLength(before + 1);
  });

  test("a server that accepts but does not welcome is tried again", () => {
    const world = new World();
    world.socket.opens();
    vi.advanceTimersByTime(WELCOME_WITHIN_MS + RETRY_FIRST_MS);
    expect(world.sockets).toHaveLength(2);
  });

  test("an answer of a socket given up changes nothing", () => {
    const world = new World();
    const first = world.socket;
    first.opens();
    vi.advanceTimersByTime(WELCOME_WITHIN_MS);
    first.says(welcome());
    expect(world.messages).toEqual([]);
  });

  test.each([
    { type: "ended", reason: "facilitator" },
    { type: "removed" },
    { type: "taken_over" },
    { type: "denied", blocked: false },
    { type: "error", code: "ended", message: "" },
  ] satisfies ServerMessage[])("$type is the last word", (last) => {
    const world = new World();
    world.comesUp();
    const socket = world.socket;
    socket.says(last);
    expect(world.messages.at(-1)).toEqual(last);
    expect(world.connection.state).toBe("closed");
    vi.advanceTimersByTime(60_000);
    expect(world.sockets).toHaveLength(1);
  });

  test("an error inside is passed on and ends nothing", () => {
    const world = new World();
    world.comesUp();
    world.socket.says({ type: "error", request: 1, code: "forbidden", message: "" });
    expect(world.connection.state).toBe("up");
    expect(world.messages.at(-1)).toMatchObject({ type: "error", code: "forbidden" });
  });

  test("a passing error at the door is waited out by whoever had a seat, and told to a newcomer", () => {
    const overloaded = { type: "error", code: "overloaded", message: "" } as const;
    const newcomer = new World();
    newcomer.socket.opens();
    newcomer.socket.says(overloaded);
    expect(newcomer.connection.state).toBe("closed");
    expect(newcomer.messages).toEqual([overloaded]);

    const returning = new World();
    returning.comesUp();
    returning.socket.onclose?.();
    vi.advanceTimersByTime(RETRY_FIRST_MS);
    returning.socket.opens();
    returning.socket.says(overloaded);
    expect(returning.connection.state).toBe("reconnecting");
    vi.advanceTimersByTime(RETRY_MAX_MS);
    returning.comesUp();
    expect(returning.connection.state).toBe("up");
  });

  test("what is no message of this protocol is passed over", () => {
    const world = new World();
    world.comesUp();
    for (const data of [
      "{",
      "[]",
      "null",
      '{"type":"from_the_future"}',
      '{"type":"caption"}',
      '{"type":"toString"}',
    ])
      world.socket.onmessage?.({ data });
    world.socket.onmessage?.({ data: new ArrayBuffer(4) });
    expect(world.messages).toHaveLength(1);
    expect(world.connection.state).toBe("up");
  });
});

test("the address of the WebSocket follows the page's and carries nothing of the link", () => {
  expect(socketUrl("http://localhost:8080/s/abc#token")).toBe("ws://localhost:8080/api/v1/ws");
  expect(socketUrl("https://call.example/s/abc#token")).toBe("wss://call.example/api/v1/ws");
});
