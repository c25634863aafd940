import { describe, expect, it } from "vitest";
import { checkForm, EMPTY_FORM, languageChoices, toRequest } from "./form";

const NOW = Date.parse("2026-11-21T12:00:00Z");
const FILLED = { ...EMPTY_FORM, name: "  Tuesday circle ", operatorKey: "key" };

describe("the start page's form", () => {
  it("needs a name and a key and nothing else", () => {
    expect(Object.keys(checkForm(EMPTY_FORM, NOW)).sort()).toEqual(["name", "operatorKey"]);
    expect(checkForm(FILLED, NOW)).toEqual({});
  });

  it("counts characters, not code units", () => {
    expect(checkForm({ ...FILLED, name: "🌱".repeat(40) }, NOW)).toEqual({});
    expect(checkForm({ ...FILLED, name: "🌱".repeat(41) }, NOW).name).toBeDefined();
  });

  it("takes whole numbers of places from 2 to 25 only", () => {
    for (const capacity of ["1", "26", "3.5", "", "many"]) {
      expect(checkForm({ ...FILLED, capacity }, NOW).capacity).toBeDefined();
    }
  });

  it("rejects an end before the start and an end in the past", () => {
    const form = { ...FILLED, startsAt: "2026-11-22T18:00", endsAt: "2026-11-22T17:00" };
    expect(checkForm(form, NOW).endsAt).toBeDefined();
    expect(checkForm({ ...FILLED, endsAt: "2020-01-01T10:00" }, NOW).endsAt).toBeDefined();
  });

  it("says how the group speaks where that is not plain English", () => {
    expect(toRequest({ ...FILLED, vocabulary: " Sertraline\n\nAnneliese " }).vocabulary).toEqual([
      "Sertraline",
      "Anneliese",
    ]);
    const german = { ...FILLED, language: "de", translate: true };
    expect(toRequest(german)).toMatchObject({ language: "de", translate: true });
    expect(toRequest({ ...german, captions: false })).not.toHaveProperty("language");
    expect(toRequest(FILLED)).not.toHaveProperty("vocabulary");
  });

  it("rejects more names and terms than a group can have, where captions need them", () => {
    const many = { ...FILLED, vocabulary: Array.from({ length: 51 }, (_, at) => `t${at}`).join("\n") };
    expect(checkForm(many, NOW).vocabulary).toBeDefined();
    expect(checkForm({ ...many, captions: false }, NOW)).toEqual({});
  });

  it("offers every language once, English and finding out first", () => {
    const ids = languageChoices().map((choice) => choice.id);
    expect(ids.slice(0, 2)).toEqual(["en", "detect"]);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toContain("de");
  });

  it("sends times as UTC and leaves out what was left empty", () => {
    expect(toRequest(FILLED)).toEqual({
      name: "Tuesday circle",
      capacity: 25,
      waiting_room: true,
      captions: true,
      transcript: false,
    });
    expect(toRequest({ ...FILLED, startsAt: "2026-11-22T18:00" }).starts_at).toMatch(
      /^2026-11-2\dT\d\d:00:00\.000Z$/,
    );
  });
});
