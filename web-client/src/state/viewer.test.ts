import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { RETRY_MAX_MS } from "../protocol/connection";
import { FakeNetwork } from "../protocol/fake_socket";
import type { Caption, CaptionsState, ServerMessage } from "../protocol/generated";
import { SESSION, spoken } from "../protocol/samples";
import { OFF_RECORD_SHOWN_MS } from "./captions";
import { CaptionViewer, INITIAL_VIEWER, reduceViewer, type ViewerState } from "./viewer";

function said(number: number, changes: Partial<Caption> = {}): Caption & { type: "caption" } {
  return { type: "caption", ...spoken(number, changes) };
}

function viewing(captions: Caption[] = []): ServerMessage {
  return { type: "viewing", session: SESSION, captions, server_time: 5_000 };
}

/** The state after these messages, at 1 s of this computer's clock. */
const seen = (...messages: ServerMessage[]): ViewerState =>
  messages.reduce((state, message) => reduceViewer(state, message, 1_000), INITIAL_VIEWER);

const PARTIAL = said(1, { status: "partial", stable: "We meet", tentative: "on" });

describe("what a caption page knows", () => {
  test("is the session, what was said before, and the server's clock", () => {
    const state = seen(viewing([said(1), said(2)]));
    expect(state.phase).toEqual({ kind: "viewing" });
    expect(state.captions.history).toHaveLength(2);
    expect(state.clockOffsetMs).toBe(4_000);
  });

  test.each<CaptionsState>(["on", "late"])("goes on to grow while captions are %s", (captions) => {
    for (const news of [
      { type: "captions", state: captions } as const,
      { type: "session", ...SESSION, captions } as const,
    ]) {
      const open = seen(viewing(), PARTIAL, news);
      expect(open.captions.open).toHaveLength(1);
      const grown = [
        said(1, { ...PARTIAL, revision: 2, stable: "We meet on" }),
        said(1, { revision: 3 }),
      ].reduce((state, message) => reduceViewer(state, message, 1_000), open);
      expect(grown.captions.history).toMatchObject([{ status: "final", stable: "We meet on Tuesdays." }]);
      expect(grown.session?.captions).toBe(captions);
    }
  });

  test.each<CaptionsState>(["off", "starting", "unavailable"])(
    "stays as it stood when captions are %s, and what people type goes on",
    (captions) => {
      const typed = said(2, { status: "partial", stable: "", tentative: "I ca", origin: "typed" });
      for (const news of [
        { type: "captions", state: captions } as const,
        { type: "session", ...SESSION, captions } as const,
      ]) {
        const state = seen(viewing(), PARTIAL, typed, news);
        expect(state.captions.history).toMatchObject([{ status: "interrupted", stable: "We meet" }]);
        expect(state.captions.open).toMatchObject([{ tentative: "I ca" }]);
      }
    },
  );

  test("ends with the session, and when whose captions these are is out", () => {
    expect(seen(viewing(), { type: "ended", reason: "facilitator" }).phase.kind).toBe("over");
    expect(seen(viewing(), { type: "removed" }).phase.kind).toBe("over");
    expect(seen({ type: "error", code: "not_found", message: "" }).phase.kind).toBe("over");
    expect(seen({ type: "error", code: "overloaded", message: "" }).phase).toEqual({
      kind: "failed",
      code: "overloaded",
    });
  });
});

describe("a caption page", () => {
  let network: FakeNetwork;
  let viewer: CaptionViewer;

  beforeEach(() => {
    vi.useFakeTimers();
    network = new FakeNetwork();
    const link = { sessionId: SESSION.session_id, token: "token" };
    viewer = new CaptionViewer(link, "https://here/c/x", network.platform);
    network.socket.opens();
  });

  afterEach(() => {
    viewer.close();
    vi.useRealTimers();
  });

  test("comes back after a lost connection, and has what was said meanwhile", () => {
    network.socket.says(viewing([said(1)]));
    network.socket.onclose?.();
    expect(viewer.getSnapshot().phase.kind).toBe("reconnecting");
    vi.advanceTimersByTime(RETRY_MAX_MS);
    network.socket.opens();
    network.socket.says(viewing([said(1), said(2)]));
    expect(viewer.getSnapshot().phase.kind).toBe("viewing");
    expect(viewer.getSnapshot().captions.history).toHaveLength(2);
  });

  test("forgets what was said off the record after a while", () => {
    network.socket.says(viewing());
    network.socket.says(said(1, { off_record: true }));
    expect(viewer.getSnapshot().captions.passing).toHaveLength(1);
    vi.advanceTimersByTime(OFF_RECORD_SHOWN_MS);
    expect(viewer.getSnapshot().captions).toEqual({ open: [], passing: [], history: [] });
  });

  test("tells its readers of every change until it is closed", () => {
    let changes = 0;
    const stop = viewer.subscribe(() => {
      changes += 1;
    });
    network.socket.says(viewing());
    network.socket.says(said(1));
    expect(changes).toBe(2);
    stop();
    network.socket.says(said(2));
    expect(changes).toBe(2);
  });
});
