import { describe, expect, test } from "vitest";
import { spoken } from "../../protocol/samples";
import { type CorrectionEdit, type CorrectionEvent, editCorrection, openCorrection } from "./correctionEdit";

const told = (revision: number, stable: string): CorrectionEvent => ({
  kind: "told",
  caption: spoken(1, { revision, stable, corrected: true }),
});
const typed = (text: string): CorrectionEvent => ({ kind: "typed", text });
const [held, lineGone, gone] = [{ kind: "held" }, { kind: "line_gone" }, { kind: "gone" }] as const;
const asked = (text: string): CorrectionEvent => ({ kind: "asked", text });

function edited(...events: CorrectionEvent[]): CorrectionEdit {
  const opened = openCorrection(spoken(1, { stable: "We meat on Tuesdays. " }));
  return events.reduce(editCorrection, opened);
}

describe("a correction", () => {
  test("is done when the caption says it, and not before", () => {
    const saved = [typed("We meet on Tuesdays."), asked("We meet on Tuesdays.")];
    expect(edited(typed("We meet on Tuesdays."))).toMatchObject({ over: 1, saving: { kind: "no" } });
    expect(edited(...saved)).toMatchObject({ over: 1, saving: { kind: "asked" } });
    expect(edited(...saved, told(2, "We meet on Tuesdays.")).saving.kind).toBe("done");
    // Asked for over a connection that was lost, and done all the same.
    expect(edited(...saved, lineGone).saving.kind).toBe("lost");
    expect(edited(...saved, lineGone, told(2, "We meet on Tuesdays.")).saving.kind).toBe("done");
  });

  test("does not go over what others made meanwhile, before its writer has been told", () => {
    const changed = edited(typed("We meet on Tuesdays."), told(2, "We met on Tuesday."));
    expect(changed).toMatchObject({
      text: "We meet on Tuesdays.",
      over: 1,
      latest: 2,
      byOthers: "We met on Tuesday.",
    });
    expect(editCorrection(changed, held)).toMatchObject({ over: 2, saving: { kind: "held" } });
    // And again.
    const again = [held, told(3, "We met on Tuesdays.")].reduce(editCorrection, changed);
    expect(again).toMatchObject({ over: 2, latest: 3, byOthers: "We met on Tuesdays." });
  });

  test("that is refused is still there, with the reason", () => {
    const saved = [typed("We meet on Tuesdays."), asked("We meet on Tuesdays.")];
    const faster = [told(2, "We met on Tuesday."), { kind: "refused", code: "changed_meanwhile" }] as const;
    expect(edited(...saved, ...faster)).toMatchObject({
      text: "We meet on Tuesdays.",
      over: 2,
      byOthers: "We met on Tuesday.",
      saving: { kind: "held" },
    });
    expect(edited(...saved, { kind: "refused", code: "not_found" })).toMatchObject({
      text: "We meet on Tuesdays.",
      saving: { kind: "refused", code: "not_found" },
    });
    // The refusal of another.
    expect(edited({ kind: "refused", code: "not_found" }).saving.kind).toBe("no");
  });

  test("of a line that is gone is still there, unless it was to go", () => {
    const text = "We meet on Tuesdays.";
    for (const events of [[], [asked(text)], [asked(text), lineGone]])
      expect(edited(typed(text), ...events, gone)).toMatchObject({ text, saving: { kind: "gone" } });
    expect(edited(typed(""), gone).saving.kind).toBe("gone");
    expect(edited(typed(""), asked(""), gone).saving.kind).toBe("done");
    expect(edited(typed(" "), asked(""), lineGone, gone).saving.kind).toBe("done");
    // The answer to what was asked before comes after it.
    expect(edited(asked(text), gone, { kind: "refused", code: "not_found" }).saving.kind).toBe("gone");
  });

  test("stays open for who has gone on writing", () => {
    const edit = edited(
      typed("We meet"),
      asked("We meet"),
      typed("We meet on Tuesdays."),
      told(2, "We meet"),
    );
    expect(edit).toMatchObject({
      text: "We meet on Tuesdays.",
      over: 2,
      byOthers: null,
      saving: { kind: "no" },
    });
  });
});
