// What a reader does with captions, in a real browser without a server: every setting as it is painted, the history,
// the place of the box. Each test has a state of its own.

import type { Locator, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { CaptionSettings } from "../src/ui/captions/settings.ts";
import { caption } from "../src/ui/harness/scenes.ts";
import { button, change, choose, findings, Harness, orders, rect, shown, WIDE } from "./support/harness.ts";

let harness: Harness;

beforeAll(async () => {
  harness = await Harness.start();
});

afterAll(() => harness?.stop());

const reading: Harness["reading"] = (...reader) => harness.reading(...reader);

/** The name of what has the keyboard's focus. */
const focused = (page: Page) =>
  page.evaluate(
    () => document.activeElement?.getAttribute("aria-label") ?? document.activeElement?.textContent ?? "",
  );

const isFocused = (element: Locator) => element.evaluate((one) => one === document.activeElement);

describe("the history", () => {
  /** Ann, whose seat this is, has just said these two things. */
  const SAID = {
    open: [],
    passing: [],
    history: [
      caption(1, 0, { stable: "Good evening everybody." }),
      caption(2, 1, { stable: "That was a shitty weak for me." }),
      caption(3, 1, { stable: "But I came." }),
    ],
  };

  const afterCorrection = (stable: string, revision: number) => ({
    ...SAID,
    history: SAID.history.map((one) =>
      one.id.number === 2 ? { ...one, stable, revision, corrected: true } : one,
    ),
  });

  test.each([WIDE, { width: 360, height: 740 }])(
    "a correction keeps the words that this reader hides, and the focus, at $width px",
    (viewport) =>
      reading(
        "call",
        { filter: true },
        async (page) => {
          await change(page, { captions: SAID });
          await button(page, "Caption history").press("Enter");
          const correct = page.getByRole("button", { name: /^Correct: That was/ });
          expect(await correct.getAttribute("aria-label")).toBe("Correct: That was a s••••• weak for me.");
          await correct.press("Enter");
          const field = page.getByLabel("What Ann said");
          await expect.poll(() => field.evaluate((input) => input === document.activeElement)).toBe(true);
          expect(await field.inputValue()).toBe("That was a shitty weak for me.");
          await page.keyboard.press("Escape");
          await expect.poll(() => focused(page)).toBe("Correct: That was a s••••• weak for me.");
          await page.keyboard.press("Enter");
          await field.fill("That was a shitty week for me.");
          await button(page, "Save").press("Enter");
          await button(page, "Saving…").waitFor();
          expect(await orders(page)).toContain("correctCaption 2 That was a shitty week for me.");
          await change(page, { captions: afterCorrection("That was a shitty week for me.", 2) });
          await expect.poll(() => focused(page)).toBe("Correct: That was a s••••• week for me.");
          // Taken back: the line goes, and the focus stays in the list.
          await change(page, { captions: { ...SAID, history: SAID.history.slice(0, 1) } });
          await expect.poll(() => focused(page)).toBe("Everything said so far");
        },
        viewport,
      ),
  );

  test("a correction is saved over nothing that its writer was not shown, and is kept when it is refused", () =>
    reading("call", {}, async (page) => {
      await change(page, { captions: SAID });
      await button(page, "Caption history").click();
      // It is found by a word that others will change: the form stays all the same.
      await page.getByLabel("Search what was said").fill("weak for me");
      await page.getByRole("button", { name: /^Correct: That was/ }).click();
      const field = page.getByLabel("What Ann said");
      const alert = page.getByRole("alert");
      const saved = async () => (await orders(page)).filter((order) => order.startsWith("correctCaption"));
      await field.fill("That was a bad week.");
      await change(page, { captions: afterCorrection("That was a weak week.", 2) });
      await alert.getByText("Somebody has changed this line meanwhile, to “That was a weak week.”").waitFor();
      await field.press("Enter");
      await alert.getByText("Not saved:", { exact: false }).waitFor();
      expect(await saved()).toEqual([]);
      // Knowing it, one may.
      await field.press("Enter");
      await button(page, "Saving…").waitFor();
      expect(await saved()).toEqual(["correctCaption 2 That was a bad week."]);
      // Somebody was faster after all.
      await change(page, { captions: afterCorrection("That was a long week.", 3) });
      await change(page, { correctionRefusal: { code: "changed_meanwhile" } });
      await alert
        .getByText("Not saved: somebody has changed this line meanwhile, to “That was a long")
        .waitFor();
      expect(await field.inputValue()).toBe("That was a bad week.");
      await field.press("Enter");
      await button(page, "Saving…").waitFor();
      await change(page, { correctionRefusal: { code: "not_found" } });
      await alert.getByText("Not saved: this line can't be corrected any more.").waitFor();
      expect(await field.inputValue()).toBe("That was a bad week.");
    }));

  test("stays where one reads, goes back to the present, and can be copied, on a phone", () =>
    reading(
      "call",
      {},
      async (page) => {
        const said = Array.from({ length: 60 }, (_, at) =>
          caption(at + 1, at % 3, { stable: `Thought ${at}.` }),
        );
        const off = caption(61, 1, { stable: "Between us.", off_record: true });
        const cut = caption(62, 2, { stable: "and that was it.", after_gap: true });
        const show = (history: readonly unknown[]) =>
          change(page, { captions: { open: [], passing: [off], history } });
        await show(said);
        await button(page, "Caption history").click();
        const list = page.getByRole("region", { name: "Everything said so far" });
        const toEnd = () =>
          list.evaluate((box) => Math.round(box.scrollHeight - box.clientHeight - box.scrollTop));
        const newest = button(page, "Jump to newest");
        expect(await toEnd()).toBeLessThanOrEqual(1);
        expect(await newest.count()).toBe(0);

        await list.evaluate((box) => box.scrollTo({ top: 0 }));
        await newest.waitFor();
        await show([...said, cut]);
        await list.getByText("and that was it.").waitFor();
        expect(await list.evaluate((box) => box.scrollTop)).toBe(0);
        await newest.click();
        await newest.waitFor({ state: "detached" });
        expect(await toEnd()).toBeLessThanOrEqual(1);
        expect(await focused(page)).toBe("Everything said so far");
        await show([...said, cut, caption(63, 0, { stable: "Thank you." })]);
        await list.getByText("Thank you.").waitFor();
        expect(await toEnd()).toBeLessThanOrEqual(1);

        // Lost sound is seen, and said to who can't see it.
        const after = list.locator(".history-line").filter({ hasText: "and that was it." }).locator(".words");
        expect(await after.textContent()).toBe("…(some sound was lost) and that was it.");
        await page.getByLabel("Search what was said").fill("that was");
        await page.getByText("1 line found").waitFor();

        await button(page, "Copy everything").click();
        await page.getByText("Copied", { exact: true }).waitFor();
        const copied = await page.evaluate(() => navigator.clipboard.readText());
        const lines = copied.split("\n").map((line) => line.replace(/^.*?[AP]M /, ""));
        expect(lines).toHaveLength(62);
        expect(lines[0]).toBe("Fay Facilitator: Thought 0.");
        expect(lines.slice(-2)).toEqual([
          "Benedikt Österreicher-Sonnenschein: … and that was it.",
          "Fay Facilitator: Thank you.",
        ]);
      },
      { width: 360, height: 740 },
    ));
});

test("names and terms are changed with the keyboard on a small phone, and mistakes are said", () =>
  reading(
    "facilitator-quiet",
    {},
    async (page) => {
      await button(page, "Manage session").press("Enter");
      await button(page, "Names and terms…").press("Enter");
      const dialog = page.getByRole("dialog", { name: "Names and terms" });
      const words = dialog.getByLabel("Words that captions get wrong");
      expect(await words.inputValue()).toBe("Sertraline\nAnneliese\nMarjorie");
      await words.fill(Array.from({ length: 51 }, (_, at) => `term${at}`).join("\n"));
      await dialog.getByRole("button", { name: "Save", exact: true }).press("Enter");
      await dialog.getByText("At most 50 words.").waitFor();
      await expect.poll(() => words.evaluate((field) => field === document.activeElement)).toBe(true);
      expect(await words.getAttribute("aria-invalid")).toBe("true");
      expect(await findings(page)).toEqual([]);
      await words.fill("Smith, John\nSmith, John\n  St. John's wort ");
      await dialog.getByRole("button", { name: "Save", exact: true }).press("Enter");
      await dialog.getByRole("button", { name: "Saving…", exact: true }).waitFor();
      expect((await orders(page)).at(-1)).toBe("setVocabulary Smith, John St. John's wort");
      await change(page, { vocabulary: ["Smith, John", "St. John's wort"] });
      await dialog.waitFor({ state: "detached" });
      await expect.poll(() => focused(page)).toContain("Names and terms");
    },
    { width: 320, height: 640 },
  ));

test("names and terms are not thrown away by a key: whoever has changed them is asked first", () =>
  reading(
    "facilitator-quiet",
    {},
    async (page) => {
      await button(page, "Manage session").click();
      const open = button(page, "Names and terms…");
      const dialog = page.getByRole("dialog", { name: "Names and terms" });
      const words = dialog.getByLabel("Words that captions get wrong");
      const question = page.getByRole("alertdialog", { name: "Throw away what you changed?" });
      // Unchanged, it closes at once.
      await open.press("Enter");
      await words.press("Escape");
      await dialog.waitFor({ state: "detached" });
      await open.press("Enter");
      await words.press("End");
      await page.keyboard.type(" the second");
      const written = await words.inputValue();
      await page.keyboard.press("Escape");
      await question.waitFor();
      expect(await findings(page)).toEqual([]);
      // The harmless answer has the focus; Escape is another way to give it.
      await expect.poll(() => focused(page)).toBe("Keep writing");
      await page.keyboard.press("Enter");
      await question.waitFor({ state: "detached" });
      await expect.poll(() => isFocused(words)).toBe(true);
      // The focus goes back to where it was.
      for (const [way, key] of [
        [words, "Escape"],
        [dialog.getByRole("button", { name: "Cancel", exact: true }), "Enter"],
        [dialog.getByRole("button", { name: "Close", exact: true }), "Enter"],
      ] as const) {
        await way.press(key);
        await question.waitFor();
        await page.keyboard.press("Escape");
        await question.waitFor({ state: "detached" });
        await expect.poll(() => isFocused(way)).toBe(true);
      }
      expect(await words.inputValue()).toBe(written);
      await words.press("Escape");
      await question.getByRole("button", { name: "Throw away", exact: true }).press("Enter");
      await dialog.waitFor({ state: "detached" });
      await expect.poll(() => isFocused(open)).toBe(true);
      await open.press("Enter");
      expect(await words.inputValue()).toBe("Sertraline\nAnneliese\nMarjorie");
      expect((await orders(page)).filter((order) => order.startsWith("setVocabulary"))).toEqual([]);
    },
    { width: 360, height: 740 },
  ));

test("whoever closes names and terms while they are being saved is not told that they are thrown away", () =>
  reading(
    "facilitator-quiet",
    {},
    async (page) => {
      await button(page, "Manage session").click();
      const open = button(page, "Names and terms…");
      const dialog = page.getByRole("dialog", { name: "Names and terms" });
      const words = dialog.getByLabel("Words that captions get wrong");
      const question = page.getByRole("alertdialog", { name: "Close before the server answers?" });
      const save = async (term: string) => {
        await open.press("Enter");
        await words.fill(term);
        await dialog.getByRole("button", { name: "Save", exact: true }).press("Enter");
        await dialog.getByRole("button", { name: "Saving…", exact: true }).waitFor();
        await words.press("Escape");
        await question.getByText("may still do so").waitFor();
      };
      await save("Kathryn");
      expect(await findings(page)).toEqual([]);
      await question.getByRole("button", { name: "Close", exact: true }).press("Enter");
      await dialog.waitFor({ state: "detached" });
      await expect.poll(() => isFocused(open)).toBe(true);
      // It was saved: question and list go by themselves.
      await change(page, { vocabulary: ["Kathryn"] });
      await save("Sertraline");
      await change(page, { vocabulary: ["Sertraline"] });
      await dialog.waitFor({ state: "detached" });
      expect(await question.count()).toBe(0);
      await expect.poll(() => isFocused(open)).toBe(true);
      // It was refused: what the question says becomes true.
      await save("Marjorie");
      await change(page, { vocabularyRefusal: { code: "invalid_value" } });
      await page.getByRole("alertdialog", { name: "Throw away what you changed?" }).waitFor();
    },
    { width: 360, height: 740 },
  ));

test("names and terms that could not be saved stay, with the reason, and with what others add", () =>
  reading(
    "facilitator-quiet",
    {},
    async (page) => {
      await button(page, "Manage session").click();
      await button(page, "Names and terms…").click();
      const dialog = page.getByRole("dialog", { name: "Names and terms" });
      const words = dialog.getByLabel("Words that captions get wrong");
      const save = dialog.getByRole("button", { name: "Save", exact: true });
      const alert = dialog.getByRole("alert");
      await words.fill("Sertraline\nMarjorie\nBo");
      await page.mouse.click(5, 5);
      await save.click();
      await change(page, { vocabularyRefusal: { code: "invalid_value" } });
      await alert.getByText("The server did not accept a value.").waitFor();
      await expect.poll(() => findings(page)).toEqual([]);
      // Another takes one away and adds one; the caret stays.
      await words.focus();
      await words.evaluate((field) => (field as HTMLTextAreaElement).setSelectionRange(21, 21));
      await change(page, { vocabulary: ["Sertraline", "Anneliese", "Kathryn"] });
      await dialog.getByRole("status").getByText("Added: Kathryn. Removed: Marjorie.").waitFor();
      expect(await words.inputValue()).toBe("Sertraline\nBo\nKathryn");
      expect(await words.evaluate((field) => (field as HTMLTextAreaElement).selectionStart)).toBe(12);
      await change(page, { link: "reconnecting" });
      await alert.getByText("There is no connection.").waitFor();
      const sent = (await orders(page)).length;
      await save.click();
      expect((await orders(page)).length).toBe(sent);
      await change(page, { link: "up" });
      await alert.getByText("There is no connection.").waitFor({ state: "detached" });
      await save.click();
      await change(page, { vocabulary: ["Sertraline", "Bo", "Kathryn"] });
      await dialog.waitFor({ state: "detached" });
    },
    { width: 360, height: 740 },
  ));

const entries = (page: Page) => page.locator(".room > .captions .entry");
const log = (page: Page) => page.getByRole("log", { name: "Captions", exact: true });

describe("without spoken captions", () => {
  const SPOKEN = caption(1, 0, { stable: "Said aloud." });
  const TYPED = caption(2, 3, { stable: "Written instead.", origin: "typed" });
  const GROWING = caption(3, 3, { status: "partial", stable: "", tentative: "And mo", origin: "typed" });
  const LATER = caption(4, 0, { stable: "Said later." });
  const captions = { open: [GROWING], passing: [], history: [SPOKEN, TYPED] };

  test.each([WIDE, { width: 360, height: 740 }, { width: 844, height: 390 }])(
    "what people type is seen and heard, and one can type, at $width px",
    (viewport) =>
      reading(
        "call-alone",
        {},
        async (page) => {
          await button(page, "Captions").press("Enter");
          const strip = page.getByRole("region", { name: "Typed text", exact: true });
          const empty = await strip.boundingBox();
          // A row, or on a low screen a column.
          expect(Math.min(empty?.height ?? 0, empty?.width ?? 0)).toBeLessThan(60);
          await change(page, { captions });
          await expect
            .poll(() => entries(page).locator(".words").allTextContents())
            .toEqual(["Written instead. (typed)", "And mo (typed)"]);
          expect(await log(page).locator("p").allTextContents()).toEqual(["Cleo: Written instead."]);
          await button(page, "Type instead").press("Enter");
          await page.keyboard.type("Me too");
          await page.keyboard.press("Enter");
          expect((await orders(page)).at(-1)).toMatch(/^typeLine \d+ Me too true/);
          const controls = await page.getByRole("region", { name: "Your controls" }).boundingBox();
          const box = await strip.boundingBox();
          expect((box?.y ?? 0) + (box?.height ?? 0)).toBeLessThanOrEqual((controls?.y ?? 0) + 1);
          // On again: what was said meanwhile can be read, and is not read out.
          await button(page, "Captions").press("Enter");
          await entries(page).getByText("Said aloud.").waitFor();
          expect(await log(page).locator("p").allTextContents()).toEqual([]);
          await change(page, { captions: { ...captions, history: [SPOKEN, TYPED, LATER] } });
          await expect
            .poll(() => log(page).locator("p").allTextContents())
            .toEqual(["Fay Facilitator: Said later."]);
        },
        viewport,
      ),
  );
});

test("a captioner's line that can't be taken stays whose it is, and outlives its field", () =>
  reading("call-captioner", {}, async (page) => {
    const field = page.getByLabel("Type what is said");
    const whose = page.getByRole("button", { name: /Who speaks/ });
    const pick = async (name: string) => {
      await whose.press("Enter");
      await page.getByRole("option", { name }).press("Enter");
      await page.getByRole("option").first().waitFor({ state: "detached" });
    };
    await button(page, "Type instead").press("Enter");
    await pick("Fay");
    await field.fill("Good evening");
    await expect.poll(() => orders(page)).toContainEqual(expect.stringMatching(/Good evening false p0 on$/));
    // As many lines wait as may.
    await change(page, { link: "reconnecting" });
    await field.fill("Good evening, all");
    await pick("Cleo");
    expect(await whose.textContent()).toContain("Fay");
    expect(await field.inputValue()).toBe("Good evening, all");
    await button(page, "Type instead").press("Enter");
    await field.waitFor({ state: "detached" });
    await button(page, "Type instead").press("Enter");
    expect(await field.inputValue()).toBe("Good evening, all");
    expect(await whose.textContent()).toContain("Fay");
    await change(page, { link: "up" });
    await pick("Cleo");
    expect((await orders(page)).at(-1)).toMatch(/^typeLine \d+ Good evening, all true p0 on$/);
    expect(await whose.textContent()).toContain("Cleo");
    expect(await field.inputValue()).toBe("");
    const lines = (await orders(page)).filter((order) => order.startsWith("typeLine"));
    expect(new Set(lines.map((order) => order.split(" ")[1])).size).toBe(1);
  }));

test("what is written off the record is off it, though it goes out a moment later", () =>
  reading("call", {}, async (page) => {
    await button(page, "Type instead").press("Enter");
    const session = (await shown(page)).session as object;
    await change(page, { session: { ...session, off_record: true } });
    await page.getByText("Off the record").first().waitFor();
    // In one go, as no hand could: a letter, and the group is on the record before it has gone out.
    const before = (await orders(page)).length;
    await page.getByLabel("Type instead of speaking").evaluate((field) => {
      const { shownInHarness: client } = globalThis as unknown as {
        shownInHarness: { getSnapshot: () => object; show: (state: object) => void };
      };
      Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value")?.set?.call(field, "b");
      field.dispatchEvent(new InputEvent("input", { bubbles: true }));
      const state = client.getSnapshot() as { session: object };
      client.show({ ...state, session: { ...state.session, off_record: false } });
    });
    await expect
      .poll(async () => (await orders(page)).slice(before))
      .toEqual([expect.stringMatching(/^typeLine \d+ b false own off$/)]);
    await page.keyboard.press("Enter");
    await page.keyboard.type("c");
    await expect.poll(async () => (await orders(page)).at(-1)).toMatch(/^typeLine \d+ c false own on$/);
  }));

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
