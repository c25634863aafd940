import { describe, expect, it } from "vitest";
import { checkTerms, termsOf } from "./vocabulary";

describe("a vocabulary", () => {
  it("is what stands on the lines, each once, with the commas in it", () => {
    expect(termsOf(" Sertraline\r\n\nAnn  Lee \nSertraline\n Smith, John; or Jo")).toEqual([
      "Sertraline",
      "Ann Lee",
      "Smith, John; or Jo",
    ]);
    expect(termsOf(" \n ")).toEqual([]);
  });

  it("has bounds, and says which was passed", () => {
    const terms = (count: number, length: number) =>
      Array.from({ length: count }, (_, at) => String(at).padEnd(length, "é"));
    expect(checkTerms(terms(10, 40))).toBeNull();
    expect(checkTerms(terms(11, 40))).toMatch(/400/);
    expect(checkTerms(terms(1, 41))).toMatch(/40 characters each: 0é/);
    expect(checkTerms(terms(50, 2))).toBeNull();
    expect(checkTerms(terms(51, 2))).toMatch(/50 words/);
    expect(checkTerms(["🌱".repeat(40)])).toBeNull();
  });
});
