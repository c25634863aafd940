// What a reader sees of captions, in a real browser without a server: every setting as it is painted, the place of the
// box. Each test has a state of its own.

import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { CaptionSettings } from "../src/ui/captions/settings.ts";
import { caption } from "../src/ui/harness/scenes.ts";
import {
  button,
  change,
  choose,
  entries,
  findings,
  Harness,
  log,
  rect,
  shown,
  WIDE,
} from "./support/harness.ts";

let harness: Harness;

beforeAll(async () => {
  harness = await Harness.start();
});

afterAll(() => harness?.stop());

const reading: Harness["reading"] = (...reader) => harness.reading(...reader);

test("a caption page reads out what comes, and not what was said before it", () =>
  reading("captions-page", {}, async (page) => {
    const before = Array.from({ length: 40 }, (_, number) => caption(number, 0));
    const none = { open: [], passing: [], history: [] };
    // As it comes: nothing is known at first, then all at once.
    const session = (await shown(page)).session as object;
    await change(page, { phase: { kind: "connecting" }, session: null, captions: none });
    await change(page, { phase: { kind: "viewing" }, session, captions: { ...none, history: before } });
    await page.locator(".entry").first().waitFor();
    expect(await log(page).locator("p").count()).toBe(0);
    await change(page, { captions: { ...none, history: [...before, caption(50, 1, { stable: "News." })] } });
    await expect.poll(() => log(page).locator("p").allTextContents()).toEqual(["Ann: News."]);
  }));

test("everybody sees that the server listens, before captions have started too", () =>
  reading("call-alone", {}, async (page) => {
    const session = (await shown(page)).session as object;
    const sign = page.getByText("Captions on", { exact: true });
    for (const captions of ["starting", "on", "late"]) {
      await change(page, { session: { ...session, captions: "unavailable" } });
      await sign.waitFor({ state: "detached" });
      await change(page, { session: { ...session, captions } });
      await sign.waitFor();
    }
  }));

describe("on grounds of the reader's choice", () => {
  const CHOICES: readonly Partial<CaptionSettings>[] = [
    { windowColour: "white", textColour: "black" },
    { windowColour: "black", textColour: "yellow" },
    { windowColour: "blue" },
    { windowColour: "red" },
    { backgroundColour: "black", backgroundOpacity: 100, textColour: "white" },
    { backgroundColour: "yellow", backgroundOpacity: 100, windowColour: "black" },
  ];

  test.each(["dark", "light"] as const)("everything can be read, in %s", (colorScheme) =>
    reading("call-captions-all", {}, async (page) => {
      await page.emulateMedia({ colorScheme });
      const found: string[] = [];
      const look = async (part: string): Promise<void> => {
        for (const choice of CHOICES) {
          await choose(page, choice);
          const all = await findings(page, part);
          found.push(...all.map((finding) => `${JSON.stringify(choice)}: ${finding}`));
        }
      };
      const state = (await shown(page)) as { session: object; captions: { history: object[] } };
      const cut = caption(9, 4, { stable: "And then I", status: "interrupted" });
      await change(page, {
        session: { ...state.session, captions: "late" },
        captions: { ...state.captions, history: [...state.captions.history, cut] },
      });
      await look(".room > .captions");
      await harness.open(page, "captions-page");
      await change(page, { session: { ...state.session, captions: "late" } });
      await look(".captions-page");
      expect(found).toEqual([]);
    }),
  );
});

/** What of a drawn element the settings change. */
const styleOf = (page: Page, selector: string) =>
  page
    .locator(`.room > .captions ${selector}`)
    .first()
    .evaluate((element) => {
      const { fontFamily, fontSize, color, backgroundColor, textShadow, letterSpacing } =
        getComputedStyle(element);
      return {
        fontFamily,
        size: Number.parseFloat(fontSize),
        color,
        backgroundColor,
        textShadow,
        letterSpacing,
      };
    });

/** The typefaces that the letters of the first such element are really drawn in. */
async function facesOf(page: Page, selector: string): Promise<string[]> {
  const browser = await page.context().newCDPSession(page);
  await browser.send("DOM.enable");
  await browser.send("CSS.enable");
  const { root } = await browser.send("DOM.getDocument");
  const { nodeId } = await browser.send("DOM.querySelector", { nodeId: root.nodeId, selector });
  const { fonts } = await browser.send("CSS.getPlatformFontsForNode", { nodeId });
  await browser.detach();
  return fonts.map(({ familyName, isCustomFont }) => `${familyName}${isCustomFont ? ", brought" : ""}`);
}

describe("the live captions", () => {
  test("look as the reader wants", () =>
    reading("call", {}, async (page) => {
      const usual = await styleOf(page, ".entry-text");
      const fonts = new Set<string>();
      for (const font of ["standard", "serif", "monospaced", "distinct"] as const) {
        await choose(page, { font });
        fonts.add((await styleOf(page, ".entry-text")).fontFamily);
      }
      expect(fonts.size).toBe(4);
      expect((await styleOf(page, ".entry-text")).letterSpacing).not.toBe(usual.letterSpacing);
      for (const size of [50, 300]) {
        await choose(page, { size });
        expect((await styleOf(page, ".entry-text")).size).toBeCloseTo((usual.size * size) / 100, 0);
      }
      await choose(page, { textColour: "yellow", textOpacity: 50, windowColour: "black" });
      expect((await styleOf(page, ".entry-text")).color).toMatch(/1 1 0 \/ 0\.5|255, 255, 0, 0\.5/);
      await choose(page, { backgroundColour: "blue", backgroundOpacity: 100 });
      expect((await styleOf(page, ".words")).backgroundColor).toBe("rgb(0, 0, 255)");
      const edges = new Set<string>();
      for (const edge of ["none", "outline", "shadow", "raised", "depressed"] as const) {
        await choose(page, { edge });
        edges.add((await styleOf(page, ".entry-text")).textShadow);
      }
      expect(edges.size).toBe(5);
      await choose(page, { names: false, marks: false });
      expect(await page.locator(".captions .entry-name").count()).toBe(0);
      await choose(page, { partials: "stable" });
      expect(await page.locator(".captions .tentative").count()).toBe(0);
      await choose(page, { filter: true, ownWords: "feeling" });
      await entries(page).getByText("f•••••• very well").waitFor();
      // From the dialog, and back to how it was.
      await button(page, "Caption settings").click();
      await button(page, "Back to the standard").click();
      await button(page, "Close").click();
      await entries(page).getByText("feeling very well").waitFor();
      expect(await styleOf(page, ".entry-text")).toEqual(usual);
      expect(await page.locator(".captions .tentative").count()).toBeGreaterThan(0);
    }));

  test("are set for readers with dyslexia in letters that the page brings, when that is chosen", () =>
    reading("call", {}, async (page) => {
      const fetched: string[] = [];
      page.on("request", (request) => request.resourceType() === "font" && fetched.push(request.url()));
      const many = caption(1, 0, {
        name: "Żółć Ελένη",
        stable: "Łódź, ő and ș; Ελένη; Наташа, ґ",
        words: [],
      });
      const live = caption(2, 0, { status: "partial", stable: "", tentative: "may still change" });
      const arabic = caption(3, 1, { name: "أمل", stable: "أهلا وسهلا بكم" });
      const hebrew = caption(4, 1, { stable: "שלום לכולם", language: "he" });
      await change(page, { captions: { open: [live], passing: [], history: [many, arabic, hebrew] } });
      await entries(page).getByText("may still change").waitFor();
      expect(fetched).toEqual([]);
      await choose(page, { font: "distinct", lines: 6 });
      const family = "Open Sans";
      await expect
        .poll(() => page.evaluate((name) => document.fonts.check(`16px "${name}"`), family))
        .toBe(true);
      // Every letter, and no other face in its place.
      await expect
        .poll(async () => [
          await facesOf(page, ".entry .words [dir] > span"),
          await facesOf(page, ".entry-name-words"),
        ])
        .toEqual([[`${family}, brought`], [`${family}, brought`]]);
      expect(fetched).toHaveLength(2);
      const style = (text: string) =>
        page
          .locator(".entry")
          .getByText(text)
          .evaluate((words) => {
            const { fontSize, fontStyle, letterSpacing, wordSpacing } = getComputedStyle(words);
            const paragraph = words.closest(".entry-text") ?? words;
            const of = (length: string) => Number.parseFloat(length) / Number.parseFloat(fontSize);
            const line = of(getComputedStyle(paragraph).lineHeight);
            return { fontStyle, letters: of(letterSpacing), words: of(wordSpacing), isHigh: line >= 1.5 };
          });
      expect(await style("may still change")).toEqual({
        fontStyle: "normal",
        letters: expect.closeTo(0.18),
        words: expect.closeTo(0.2),
        isHigh: true,
      });
      // Letters that join stay together, others don't need to.
      expect((await style("أهلا وسهلا بكم")).letters).toBeNaN();
      expect((await style("أمل")).letters).toBeNaN();
      expect((await style("שלום לכולם")).letters).toBeCloseTo(0.18);
      // On a phone and on a page of their own the lines are as high.
      await page.setViewportSize({ width: 360, height: 740 });
      expect((await style("may still change")).isHigh).toBe(true);
      await harness.open(page, "captions-page");
      expect((await style("I did not")).isHigh).toBe(true);
    }));

  test.each([WIDE, { width: 360, height: 740 }])(
    "have as many lines as wanted, where they are wanted, at $width px",
    (viewport) =>
      reading(
        "call",
        {},
        async (page) => {
          for (const position of ["bottom", "top", "side"] as const) {
            for (const lines of [1, 3, 6]) {
              await choose(page, { position, lines });
              const rows = await page
                .locator(".room > .captions .entries")
                .evaluate(
                  (element) =>
                    element.clientHeight /
                    Number.parseFloat(
                      getComputedStyle(element.querySelector(".entry-text") as Element).lineHeight,
                    ),
                );
              // A name above its text has a row besides.
              const names = position === "side" || viewport.width < 640 ? 1 : 0;
              expect([position, lines, rows]).toEqual([position, lines, lines + names]);
            }
            const [captions, stage, room] = [
              await rect(page, ".room > .captions"),
              await rect(page, ".stage"),
              await rect(page, ".room"),
            ];
            if (position === "bottom") expect(captions.y).toBeGreaterThanOrEqual(stage.bottom);
            if (position === "top") expect(captions.bottom).toBeLessThanOrEqual(stage.y);
            if (position === "side") expect(captions.x).toBeGreaterThanOrEqual(stage.right);
            expect(captions.bottom).toBeLessThanOrEqual(room.bottom + 1);
          }
          await choose(page, { names: false, marks: false, lines: 1 });
          const line = await page
            .locator(".room > .captions .entry-text")
            .first()
            .evaluate((element) => Number.parseFloat(getComputedStyle(element).lineHeight));
          expect((await rect(page, ".room > .captions .entries")).height).toBeCloseTo(line, 0);
        },
        viewport,
      ),
  );

  test("hold a line from when it stood finished, however late it came", () =>
    reading("call-alone", { holdSeconds: 5 }, async (page) => {
      const late = caption(1, 0, { stable: "Said a minute ago.", ended_at: Date.now() - 60_000 });
      await change(page, { captions: { open: [], passing: [], history: [late] } });
      await entries(page).getByText("Said a minute ago.").waitFor();
      await expect.poll(() => entries(page).count(), { timeout: 15_000 }).toBe(0);
    }));
});

describe("a free box", () => {
  const FREE: Partial<CaptionSettings> = { position: "free", freeX: 50, freeY: 80, lines: 2 };

  /** The names of the controls and the texts of the banners that the captions cover. */
  const covered = (page: Page) =>
    page.evaluate(() => {
      const box = document.querySelector(".room > .captions")?.getBoundingClientRect();
      if (box === undefined) return ["no captions"];
      return [
        ...document.querySelectorAll(
          ".room .stage button, .room .banner, .room .banner button, .controls button",
        ),
      ]
        .filter((one) => {
          const { left, right, top, bottom } = one.getBoundingClientRect();
          // Not what is scrolled out of sight.
          const frame = (one.closest(".banners, .tiles, .screens") ?? one).getBoundingClientRect();
          return (
            Math.max(left, frame.left) < box.right &&
            box.left < Math.min(right, frame.right) &&
            Math.max(top, frame.top) < Math.min(box.bottom, bottom, frame.bottom) &&
            box.top < Math.min(bottom, frame.bottom)
          );
        })
        .map((one) => one.getAttribute("aria-label") ?? one.textContent);
    });
  const isFree = (page: Page) => page.locator('.room > .captions[data-position="free"]').count();

  test.each([
    ["call", WIDE],
    ["call-transcript-asked", WIDE],
    ["call-banners", { width: 360, height: 740 }],
    ["call-nine", { width: 844, height: 390 }],
    ["call-25", WIDE],
  ] as const)("covers no control and no banner, wherever it is wanted: %s", (scene, viewport) =>
    reading(
      scene,
      FREE,
      async (page) => {
        for (const [freeX, freeY] of [
          [50, 80],
          [100, 0],
          [0, 0],
          [50, 50],
          [100, 100],
        ]) {
          await choose(page, { ...FREE, freeX: freeX ?? 0, freeY: freeY ?? 0 });
          await expect.poll(() => covered(page)).toEqual([]);
        }
      },
      viewport,
    ),
  );

  test("is not seen while no place is known, and stands at the bottom where there is none", () =>
    reading(
      "call-banners",
      FREE,
      async (page) => {
        await expect.poll(() => isFree(page)).toBe(0);
        const box = page.locator(".room > .captions");
        // In one go: the search is over a quarter of a second later.
        const searching = await page.evaluate(
          async (text) => {
            localStorage.setItem("hearken.caption-settings", text);
            window.dispatchEvent(new StorageEvent("storage", { key: "hearken.caption-settings" }));
            await new Promise((resolve) => setTimeout(resolve));
            const captions = document.querySelector<HTMLElement>(".room > .captions");
            if (captions === null) return null;
            const { opacity, pointerEvents } = getComputedStyle(captions);
            return [captions.dataset.position, opacity, pointerEvents];
          },
          JSON.stringify({ ...FREE, lines: 4 }),
        );
        expect(searching).toEqual(["free", "0", "none"]);
        await expect.poll(() => isFree(page)).toBe(0);
        expect(await box.evaluate((one) => getComputedStyle(one).opacity)).toBe("1");
      },
      { width: 360, height: 740 },
    ));

  test("goes with the pointer, makes way for what comes, and goes back", () =>
    reading("call-two", { ...FREE, freeY: 40 }, async (page) => {
      const handle = page.getByRole("button", { name: /^Move/ });
      const place = () => rect(page, ".room > .captions");
      await expect.poll(() => isFree(page)).toBe(1);
      const before = await place();
      const grip = await rect(page, ".move-handle");
      await page.mouse.move(grip.x + 20, grip.y + 20);
      await page.mouse.down();
      await page.mouse.move(grip.x - 80, grip.y + 120, { steps: 4 });
      await page.mouse.up();
      await expect.poll(async () => Math.round((await place()).y - before.y)).toBe(100);
      expect(Math.round((await place()).x - before.x)).toBe(-100);
      await handle.press("ArrowRight");
      await expect.poll(async () => Math.round((await place()).x - before.x)).toBeGreaterThan(-100);
      // To the top, where a question comes, and goes again.
      for (let presses = 0; presses < 10; presses += 1) await handle.press("ArrowUp");
      const top = await place();
      const session = (await shown(page)).session as object;
      await change(page, { session: { ...session, transcript: "paused" } });
      await button(page, "I agree").waitFor();
      await expect.poll(() => covered(page)).toEqual([]);
      expect((await place()).y).toBeGreaterThan(top.y);
      await button(page, "I agree").click({ trial: true });
      await change(page, { session });
      await expect.poll(async () => Math.round((await place()).y)).toBe(Math.round(top.y));
    }));
});
