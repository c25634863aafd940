import { expect, it } from "vitest";
import { LANGUAGES } from "../../protocol/generated";
import { joined, spokenIn } from "./language";

it("tells the language and its direction", () => {
  expect(spokenIn("de")).toEqual({ lang: "de", dir: "ltr" });
  expect(spokenIn("he")).toEqual({ lang: "he", dir: "rtl" });
  expect(spokenIn("jw")).toEqual({ lang: "jv", dir: "ltr" });
});

it("leaves a language that is not known to the text itself", () => {
  expect(spokenIn(undefined)).toEqual({ dir: "auto" });
});

it("agrees with the browser's own knowledge of scripts about every language", () => {
  const scripts = new Set(["Arab", "Hebr"]);
  for (const language of LANGUAGES) {
    const tag = spokenIn(language).lang ?? "";
    const script = new Intl.Locale(tag).maximize().script ?? "";
    expect([language, spokenIn(language).dir]).toEqual([language, scripts.has(script) ? "rtl" : "ltr"]);
  }
});

it("knows letters that join from those that stand apart", () => {
  for (const text of ["أهلا", "Ann أمل", "नमस्ते", "স্বাগতম"])
    expect(joined(text)).toEqual({ "data-joined": true });
  for (const text of ["Łódź", "Ελένη", "Наташа", "שלום", "木村", ""]) expect(joined(text)).toEqual({});
});
