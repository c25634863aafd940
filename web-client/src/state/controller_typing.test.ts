import { describe, expect, test } from "vitest";
import type { Caption, SessionInfo, TypedEnd } from "../protocol/generated";
import { typed } from "../protocol/samples";
import { inBrowser, passes, World } from "./controller_world";

/** Line 7 of somebody whose connection is lost while it is written, and who is welcome again. */
async function cutOff(written: string) {
  const world = new World();
  await world.inCall();
  const typeLine = (text: string, done: boolean) =>
    world.controller.typeLine({ line: 7, text, done, offRecord: false });
  typeLine(written, false);
  world.network.socket.onclose?.();
  await passes(1_000);
  await world.welcomes();
  /** They are told of its caption, and what became of it. */
  const admits = (caption: Caption, fate: TypedEnd["fate"]) =>
    world.admits([caption], [{ line: 7, id: caption.id, fate }]);
  return { world, typeLine, admits };
}

describe("the controller, of typed lines", () => {
  inBrowser();

  test("what is typed without a connection waits for one, and no line stands twice", async () => {
    const world = new World();
    await world.inCall();
    const typeLine = (line: number, text: string, done: boolean) =>
      world.controller.typeLine({ line, text, done, offRecord: false });
    typeLine(7, "I can't sp", false);
    expect(world.sent("type")).toHaveLength(1);
    world.network.socket.onclose?.();
    const noticed = world.state.notices.length;
    typeLine(7, "I can't speak", false);
    typeLine(7, "I can't speak tonight", true);
    typeLine(8, "Sorr", false);
    expect(world.state.notices).toHaveLength(noticed);
    await passes(1_000);
    await world.welcomes();
    // Not before it is known what stands.
    typeLine(8, "Sorry", false);
    expect(world.sent("type")).toHaveLength(1);
    const ended = typed(1, "I can't sp");
    const cut = { kind: "cut", text: "I can't sp", revision: 1 } as const;
    await world.admits([ended], [{ line: 7, id: ended.id, fate: cut }]);
    expect(world.sent("correct")).toMatchObject([{ id: ended.id, text: "I can't speak tonight" }]);
    expect(world.sent("type").slice(1)).toMatchObject([{ line: 8, text: "Sorry", done: false }]);
    world.says({ type: "caption", ...typed(1, "I can't speak tonight"), revision: 2, corrected: true });
    // And again: the corrected line stands, the other never arrived.
    world.network.socket.onclose?.();
    await passes(2_000);
    await world.welcomes();
    await world.admits(
      [typed(1, "I can't speak tonight")],
      [{ line: 7, id: ended.id, fate: { kind: "done" } }],
    );
    expect(world.sent("correct")).toHaveLength(1);
    expect(world.sent("type").at(-1)).toMatchObject({ line: 8, text: "Sorry" });
    expect(world.sent("type")).toHaveLength(3);
  });

  test("what is typed off the record says so, though it waits until the group is on it again", async () => {
    const world = new World();
    await world.inCall();
    const typeLine = (line: number, text: string, done: boolean) =>
      world.controller.typeLine({ line, text, done, offRecord: false });
    const session = (offRecord: boolean) => ({
      ...(world.state.session as SessionInfo),
      off_record: offRecord,
    });
    typeLine(7, "Well", false);
    world.says({ type: "session", ...session(true) });
    world.network.socket.onclose?.();
    typeLine(8, "between us", true);
    await passes(1_000);
    await world.welcomes({ session: session(false) });
    await world.admits();
    typeLine(9, "for all", true);
    expect(world.sent("type").slice(1)).toMatchObject([
      { line: 7, off_record: true },
      { line: 8, text: "between us", off_record: true },
      { line: 9, text: "for all" },
    ]);
    expect(world.sent("type").at(-1)).not.toHaveProperty("off_record");
  });

  test("a line that somebody else has put right is closed: its writer is told, and the rest goes out by itself", async () => {
    const { world, typeLine, admits } = await cutOff("My sitser");
    const cut = typed(1, "My sitser");
    await admits(cut, { kind: "cut", text: "My sitser", revision: 1 });
    expect(world.state.notices.map(({ message }) => message.kind)).not.toContain("own_line_corrected");
    typeLine("My sitser said", false);
    world.says({ type: "caption", ...cut, revision: 2, stable: "My sister", corrected: true });
    expect(world.state.notices.at(-1)?.message).toEqual({ kind: "own_line_corrected" });
    typeLine("My sitser said no", true);
    expect(world.sent("correct")).toEqual([]);
    expect(world.sent("type").slice(1)).toMatchObject([
      { line: 7, text: "said", done: false },
      { line: 7, text: "said no", done: true },
    ]);
  });

  test("a line that was put right while its writer was away is not repeated when they are back", async () => {
    const { world, typeLine, admits } = await cutOff("My sitser");
    await admits(typed(1, "My sister", { corrected: true, revision: 2 }), {
      kind: "changed",
      text: "My sitser",
    });
    expect(world.state.notices.at(-1)?.message).toEqual({ kind: "own_line_corrected" });
    expect(world.sent("type")).toHaveLength(1);
    typeLine("My sitser said no", true);
    expect(world.sent("type").slice(1)).toMatchObject([{ line: 7, text: "said no", done: true }]);
    expect(world.sent("correct")).toEqual([]);
  });

  test("who puts their own cut-off line right is not told of somebody else", async () => {
    const { world, typeLine, admits } = await cutOff("My sitser");
    const cut = typed(1, "My sitser");
    await admits(cut, { kind: "cut", text: "My sitser", revision: 1 });
    world.controller.correctCaption(cut, "My sister");
    world.says({ type: "caption", ...cut, revision: 2, stable: "My sister", corrected: true });
    expect(world.state.notices.map(({ message }) => message.kind)).not.toContain("own_line_corrected");
    typeLine("My sitser said no", true);
    expect(world.sent("type").slice(1)).toMatchObject([{ text: "said no" }]);
    expect(world.sent("correct")).toHaveLength(1);
  });

  test("an end of a cut line that comes too late is followed by what was written since, and by no riddle", async () => {
    const { world, typeLine, admits } = await cutOff("My sister");
    await admits(typed(1, "My sister"), { kind: "cut", text: "My sister", revision: 1 });
    const before = world.state.notices.length;
    typeLine("My sister said no", true);
    const request = Number(world.last("correct")?.request);
    world.says({ type: "error", request, code: "not_found", message: "" });
    expect(world.sent("type").slice(1)).toMatchObject([{ line: 7, text: "said no", done: true }]);
    expect(world.state.notices).toHaveLength(before);
  });

  test("what is typed and refused for now goes out again after a pause, and nobody is troubled with it", async () => {
    const world = new World();
    await world.inCall();
    const before = world.state.notices.length;
    const typeLine = (line: number, text: string, done: boolean) =>
      world.controller.typeLine({ line, text, done, offRecord: false });
    typeLine(7, "I can't speak", true);
    const request = Number(world.last("type")?.request);
    world.says({ type: "error", request, code: "too_many_messages", message: "" });
    typeLine(8, "Sor", false);
    await passes(900);
    expect(world.sent("type")).toHaveLength(1);
    await passes(200);
    expect(world.sent("type").slice(1)).toMatchObject([
      { line: 7, text: "I can't speak", done: true },
      { line: 8, text: "Sor", done: false },
    ]);
    expect(world.state.notices).toHaveLength(before);
  });

  test("a line that is refused for good is back with its writer, with the next ones, until they have it", async () => {
    const world = new World();
    await world.inCall();
    const before = world.state.notices.length;
    const refuses = (line: number, text: string, offRecord: boolean) => {
      world.controller.typeLine({ line, text, done: true, speaker: "ben", offRecord });
      const request = Number(world.last("type")?.request);
      world.says({ type: "error", request, code: "not_found", message: "" });
    };
    refuses(7, "I can't ", false);
    expect(world.state.refusedLine).toEqual({ text: "I can't", code: "not_found", offRecord: false });
    refuses(8, "speak", true);
    expect(world.state.refusedLine).toEqual({ text: "I can't speak", code: "not_found", offRecord: true });
    // It is said where the words are.
    expect(world.state.notices).toHaveLength(before);
    world.controller.forgetRefusedLine();
    expect(world.state.refusedLine).toBe(null);
  });

  test("a refusal of what has gone out newer since troubles nobody", async () => {
    const world = new World();
    await world.inCall();
    const before = world.state.notices.length;
    world.controller.typeLine({ line: 7, text: "I", done: false, offRecord: false });
    const request = Number(world.last("type")?.request);
    world.controller.typeLine({ line: 7, text: "I can", done: false, offRecord: false });
    world.says({ type: "error", request, code: "too_many_messages", message: "" });
    expect(world.state.notices).toHaveLength(before);
    expect(world.sent("type")).toHaveLength(2);
    world.says({ type: "error", request, code: "forbidden", message: "" });
    expect(world.state.notices).toHaveLength(before + 1);
  });

  test("one's own correction of a cut-off line that is refused takes nothing from the line", async () => {
    const { world, typeLine, admits } = await cutOff("My sitser");
    const cut = typed(1, "My sitser");
    await admits(cut, { kind: "cut", text: "My sitser", revision: 1 });
    world.controller.correctCaption(cut, "My sister said");
    typeLine("My sister said no", true);
    expect(world.sent("correct")).toHaveLength(1);
    const request = Number(world.last("correct")?.request);
    world.says({ type: "error", request, code: "too_many_messages", message: "" });
    expect(world.state.correctionRefusal).toEqual({ code: "too_many_messages" });
    expect(world.sent("correct").slice(1)).toMatchObject([{ text: "My sister said no", over: 1 }]);
  });

  test("a correction that is refused is said where it is written", async () => {
    const world = new World();
    await world.inCall();
    const before = world.state.notices.length;
    expect(world.controller.correctCaption(typed(1, "My sitser", { revision: 3 }), "My sister")).toBe(true);
    expect(world.last("correct")).toMatchObject({ over: 3 });
    const request = Number(world.last("correct")?.request);
    world.says({ type: "error", request, code: "changed_meanwhile", message: "" });
    expect(world.state.correctionRefusal).toEqual({ code: "changed_meanwhile" });
    expect(world.state.notices).toHaveLength(before);
  });
});
