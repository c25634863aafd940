import { expect, test } from "vitest";
import { DEFAULTS, parseSettings, styleOf } from "./settings";

test("what was chosen is found again", () => {
  const chosen = { ...DEFAULTS, size: 250, position: "free", freeX: 12.5, marks: false } as const;
  expect(parseSettings(JSON.stringify(chosen))).toEqual(chosen);
});

test("what is no choice becomes the default", () => {
  expect(parseSettings(null)).toEqual(DEFAULTS);
  expect(parseSettings("{")).toEqual(DEFAULTS);
  expect(parseSettings('"x"')).toEqual(DEFAULTS);
  const broken = { size: 10_000, font: "url(x)", lines: "4", freeX: -5, freeY: null, names: "yes", edge: 3 };
  expect(parseSettings(JSON.stringify(broken))).toEqual({ ...DEFAULTS, freeX: 0 });
});

test("opacity applies to the page's own colours too", () => {
  const style = styleOf({ ...DEFAULTS, windowOpacity: 50, textColour: "yellow" }) as Record<string, unknown>;
  expect(style["--caption-window"]).toBe("color-mix(in srgb, var(--surface) 50%, transparent)");
  expect(style["--caption-text"]).toBe("#ffff00");
});

test("text of no chosen colour can be read on every chosen ground, and its edge is apart from it", () => {
  const colours = (settings: Partial<typeof DEFAULTS>) =>
    styleOf({ ...DEFAULTS, ...settings }) as Record<string, unknown>;
  expect(colours({ windowColour: "white" })["--caption-text"]).toBe("#000000");
  expect(colours({ windowColour: "blue" })["--caption-name"]).toBe("#ffffff");
  expect(colours({ windowColour: "white", windowOpacity: 25 })["--caption-text"]).toBe("var(--text)");
  const both = colours({ windowColour: "black", backgroundColour: "yellow", backgroundOpacity: 100 });
  expect([both["--caption-text"], both["--caption-name"], both["--caption-edge"]]).toEqual([
    "#000000",
    "#ffffff",
    "#ffffff",
  ]);
  expect(colours({})["--caption-sign"]).toBe("var(--text-soft)");
});
