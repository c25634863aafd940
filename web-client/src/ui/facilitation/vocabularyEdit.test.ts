import { describe, expect, test } from "vitest";
import { atStake, caretIn, type EditEvent, editVocabulary, opened } from "./vocabularyEdit";

const edited = (known: readonly string[], ...events: readonly EditEvent[]) =>
  events.reduce(editVocabulary, opened(known));
const typed = (text: string): EditEvent => ({ kind: "typed", text });
const told = (...terms: readonly string[]): EditEvent => ({ kind: "told", terms });
const ASKED: EditEvent = { kind: "asked" };
const GONE: EditEvent = { kind: "line_gone" };

describe("a change of names and terms", () => {
  test("is done when the server says so, and not before", () => {
    const asked = edited(["Ann"], typed("Ann\nBo"), ASKED);
    expect(asked.saving.kind).toBe("asked");
    expect(editVocabulary(asked, told("Ann", "Bo")).saving.kind).toBe("done");
    expect(edited(["Ann"], ASKED, told("Ann")).saving.kind).toBe("done");
    expect(edited(["Ann"], typed("Ann\nBo"), told("Ann", "Bo")).saving.kind).toBe("no");
  });

  test("keeps its text when it is refused", () => {
    const refused: EditEvent = { kind: "refused", code: "invalid_value" };
    const edit = edited(["Ann"], typed("Ann\nBo"), ASKED, refused);
    expect(edit).toMatchObject({ text: "Ann\nBo", saving: { kind: "refused", code: "invalid_value" } });
    expect(edited(["Ann"], refused).saving.kind).toBe("no");
  });

  test("whose answer was lost with the line is done or is not, as the server says afterwards", () => {
    expect(edited(["Ann"], typed("Bo"), ASKED, GONE, told("Bo")).saving.kind).toBe("done");
    expect(edited(["Ann"], typed("Bo"), ASKED, GONE, told("Ann"))).toMatchObject({
      text: "Bo",
      saving: { kind: "lost" },
    });
    expect(edited(["Ann"], typed("Bo"), GONE, told("Ann")).saving.kind).toBe("no");
  });

  test("and another's are brought together, and it is known what the other did", () => {
    const edit = edited(["Ann", "Katherine"], typed("Ann\nKatherine\nBo\n"), told("Ann", "Kathryn"));
    expect(edit.text).toBe("Ann\nBo\nKathryn");
    expect(edit.byOthers).toEqual({ added: ["Kathryn"], removed: ["Katherine"] });
    const again = editVocabulary(edit, told("Ann", "Katherine"));
    expect(again.text).toBe("Ann\nBo\nKatherine");
    expect(edited([], typed(""), told("Smith, John")).text).toBe("Smith, John");
    expect(edited(["Ann"], typed("Bo"), told("Ann")).byOthers.added).toEqual([]);
  });

  test("that the server was asked for is not lost by closing, only its answer", () => {
    const written = edited(["Ann"], typed("Ann\nBo"));
    expect(atStake(edited(["Ann"], typed("Ann\n")))).toBe("nothing");
    expect(atStake(written)).toBe("changes");
    expect(atStake(editVocabulary(written, ASKED))).toBe("answer");
    expect(atStake(edited(["Ann"], typed("Bo"), ASKED, typed("Ann")))).toBe("answer");
    expect(atStake(edited(["Ann"], typed("Bo"), ASKED, GONE))).toBe("answer");
    expect(atStake(edited(["Ann"], typed("Bo"), ASKED, GONE, told("Ann")))).toBe("changes");
    expect(atStake(edited(["Ann"], typed("Bo"), ASKED, told("Bo")))).toBe("nothing");
  });

  test("leaves the caret in the line where one writes", () => {
    expect(caretIn("Ann\nBo\nCy", "Ann\nBo", 5)).toBe(5);
    expect(caretIn("Bo\nCy", "Ann\nBo", 5)).toBe(1);
    expect(caretIn("", "Ann", 3)).toBe(0);
  });

  test("at the same moment as another's has to be saved once more, with both", () => {
    const edit = edited(["Ann"], typed("Ann\nBo"), ASKED, told("Ann", "Cy"), told("Ann", "Bo"));
    expect(edit).toMatchObject({ text: "Ann\nBo\nCy", saving: { kind: "half" } });
    const saved = [ASKED, told("Ann", "Bo", "Cy")].reduce(editVocabulary, edit);
    expect(saved.saving.kind).toBe("done");
  });
});
