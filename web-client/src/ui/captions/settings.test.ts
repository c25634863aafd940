import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { blend, CONTRAST_MIN, contrastOf, PAGE, THEMES, type Theme } from "./contrast";
import { COLOURS, DEFAULTS, OPACITIES, parseSettings, styleOf } from "./settings";

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

/** What a theme makes of a colour in a style. */
function painted(value: unknown, theme: Theme): string {
  const [, light, dark] = /^light-dark\((#\w+), (#\w+)\)$/.exec(String(value)) ?? [];
  const one = (theme === "light" ? light : dark) ?? String(value);
  const own = /^var\(--(\w+)\)$/.exec(one)?.[1];
  return own === undefined ? one : PAGE[theme][own as keyof (typeof PAGE)[Theme]];
}

/** The same of a colour that lets some of what is below through. */
function over(below: string, value: unknown, theme: Theme): string {
  const [, colour, opacity] = /^color-mix\(in srgb, (\S+) (\d+)%, transparent\)$/.exec(String(value)) ?? [];
  return blend(below, painted(colour ?? value, theme), Number(opacity ?? 100));
}

test("text of no chosen colour has enough contrast on every ground at every opacity, in both themes", () => {
  const poor: string[] = [];
  for (const theme of THEMES) {
    for (const windowColour of COLOURS) {
      for (const windowOpacity of OPACITIES) {
        for (const backgroundColour of COLOURS) {
          for (const backgroundOpacity of OPACITIES) {
            const grounds = { windowColour, windowOpacity, backgroundColour, backgroundOpacity };
            const style = styleOf({ ...DEFAULTS, ...grounds }) as Record<string, unknown>;
            const window = over(PAGE[theme].ground, style["--caption-window"], theme);
            const background = over(window, style["--caption-background"], theme);
            const text = contrastOf(painted(style["--caption-text"], theme), background);
            const name = contrastOf(painted(style["--caption-name"], theme), window);
            if (!(Math.min(text, name) >= CONTRAST_MIN)) {
              poor.push(
                `${theme} ${Object.values(grounds).join(" ")}: ${text.toFixed(2)} ${name.toFixed(2)}`,
              );
            }
          }
        }
      }
    }
  }
  expect(poor).toEqual([]);
});

test.each([
  [50, "light-dark(#000000, #ffffff)", "light-dark(#ffffff, #000000)"],
  [75, "light-dark(#000000, #ffffff)", "light-dark(#ffffff, #000000)"],
  [100, "#000000", "#ffffff"],
])("on a red window at %i %% the theme below decides", (windowOpacity, text, edge) => {
  const style = styleOf({ ...DEFAULTS, windowColour: "red", windowOpacity }) as Record<string, unknown>;
  expect(style["--caption-text"]).toBe(text);
  expect(style["--caption-edge"]).toBe(edge);
  // A row of a name that hides what scrolls below it looks as the window does on the page's ground.
  const ground = style["--caption-window"];
  expect(style["--caption-name-ground"]).toBe(`linear-gradient(${ground}, ${ground}) var(--ground)`);
  // Black on half a red over the dark ground: what was chosen before.
  expect(contrastOf("#000000", blend(PAGE.dark.ground, "#ff0000", 50))).toBeLessThan(2.5);
});

test("the page's colours are those of the style sheet", () => {
  const sheet = readFileSync(new URL("../styles/tokens.css", import.meta.url), "utf8");
  const [dark = "", light = ""] = sheet.split("@media (prefers-color-scheme: light)");
  for (const [theme, text] of [
    ["dark", dark],
    ["light", light],
  ] as const) {
    for (const [name, value] of Object.entries(PAGE[theme])) expect(text).toContain(`--${name}: ${value};`);
  }
});

test("readers with dyslexia get what they have installed for it before what the page brings", () => {
  const style = styleOf({ ...DEFAULTS, font: "distinct" }) as Record<string, unknown>;
  const faces = String(style["--caption-font"]).split(", ");
  for (const own of ["OpenDyslexic", '"Atkinson Hyperlegible"', "Lexend"]) {
    expect(faces.indexOf(own)).toBeGreaterThanOrEqual(0);
    expect(faces.indexOf(own)).toBeLessThan(faces.indexOf('"Open Sans"'));
  }
});
