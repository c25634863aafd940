// What people type instead of saying it, as it is written and as it is read, in a real browser without a server. Each test
// has a state of its own.

import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { caption } from "../src/ui/harness/scenes.ts";
import { button, change, entries, findings, Harness, log, orders, shown, WIDE } from "./support/harness.ts";

let harness: Harness;

beforeAll(async () => {
  harness = await Harness.start();
});

afterAll(() => harness?.stop());

const reading: Harness["reading"] = (...reader) => harness.reading(...reader);

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

describe("without spoken captions, typed lines", () => {
  const LONG = Array.from({ length: 30 }, (_, at) => `word${at}`).join(" ");
  const [FIRST, ALSO] = ["Said first.", "Me too."].map((stable, at) =>
    caption(2 + 2 * at, at, { stable, origin: "typed" }),
  );
  /** Cleo types, and Ann has begun after her. */
  const typing = (tentative: string) => {
    const growing = caption(3, 3, { status: "partial", stable: "", tentative, origin: "typed" });
    return { captions: { open: [growing], passing: [], history: [FIRST, ALSO] } };
  };
  /** How the entries that are in sight begin, and whether they are whole. */
  const inSight = (page: Page) =>
    page.locator(".room > .captions .entries").evaluate((box) => {
      const { top, bottom } = box.getBoundingClientRect();
      return [...box.children].flatMap((entry) => {
        const place = entry.getBoundingClientRect();
        const isWhole = place.top >= top - 1 && place.bottom <= bottom + 1;
        const words = entry.querySelector(".words")?.textContent?.slice(0, 7);
        return place.bottom > top + 1 ? [[words, isWhole]] : [];
      });
    });

  test.each([WIDE, { width: 360, height: 740 }])(
    "are read whole, however many lines one wants, at $width px",
    (viewport) =>
      reading(
        "call-alone",
        { lines: 2 },
        async (page) => {
          await button(page, "Captions").press("Enter");
          await change(page, typing("word0"));
          await expect
            .poll(() => inSight(page))
            .toEqual([
              ["word0 (", true],
              ["Me too.", true],
            ]);
          await change(page, typing(LONG));
          await expect
            .poll(() => inSight(page))
            .toEqual([
              ["word0 w", true],
              ["Me too.", true],
            ]);
          expect(await page.locator(".entries[data-scrolls]").count()).toBe(0);
          // Another width, other lines.
          await page.setViewportSize({ ...viewport, width: viewport.width - 20 });
          await expect
            .poll(() => inSight(page))
            .toEqual([
              ["word0 w", true],
              ["Me too.", true],
            ]);
        },
        viewport,
      ),
  );

  test("for which there is no room are read by scrolling, with the keyboard too", () =>
    reading(
      "call-alone",
      { lines: 2 },
      async (page) => {
        await button(page, "Captions").press("Enter");
        await change(page, typing(LONG));
        const box = page.getByRole("group", { name: "Typed text" });
        const left = () =>
          box.evaluate(({ scrollHeight, clientHeight, scrollTop }) => [
            Math.round(scrollTop),
            Math.round(scrollHeight - clientHeight - scrollTop),
          ]);
        await box.waitFor();
        await expect.poll(async () => (await left())[1]).toBe(0);
        expect(await findings(page, ".room > .captions")).toEqual([]);
        // Whoever reads its beginning goes on doing so while it grows.
        await box.press("Home");
        // On a busy machine a browser's own gliding may end a pixel before.
        await expect.poll(async () => (await left())[0]).toBeLessThan(5);
        await change(page, typing(`${LONG} and another`));
        await box.getByText("and another").waitFor();
        expect((await left())[0]).toBeLessThan(5);
        await box.press("End");
        await expect.poll(async () => (await left())[1]).toBe(0);
        await change(page, typing(`${LONG} and another one ${LONG}`));
        await box.getByText("another one").waitFor();
        await expect.poll(async () => (await left())[1]).toBe(0);
        // Also while it grows before the browser has told of the scroll, which it does in the next frame.
        await page.evaluate(
          (fields) => {
            const { shownInHarness: shown } = globalThis as unknown as {
              shownInHarness: { getSnapshot: () => object; show: (state: object) => void };
            };
            const entries = document.querySelector(".room > .captions .entries") as HTMLElement;
            entries.scrollTop = 0;
            shown.show({ ...shown.getSnapshot(), ...fields });
          },
          typing(`${LONG} and one more ${LONG}`),
        );
        await box.getByText("one more").waitFor();
        expect((await left())[0]).toBe(0);
        // What is there is shorter now: its end is seen, wherever its reader was, who has lost nothing else.
        const short = LONG.slice(0, LONG.indexOf(" word14"));
        const ended = [
          caption(6, 0, { stable: `${short} first`, origin: "typed" }),
          caption(7, 1, { stable: `${short} last`, origin: "typed" }),
        ];
        await change(page, { captions: { open: [], passing: [], history: ended } });
        await box.waitFor({ state: "detached" });
        const still = page.locator(".room > .captions .entries");
        const place = () =>
          still.evaluate(({ scrollHeight, clientHeight, scrollTop }) => [
            scrollHeight > clientHeight,
            Math.round(scrollHeight - clientHeight - scrollTop),
          ]);
        await expect.poll(place).toEqual([true, 0]);
        const hasFocus = (selector: string) =>
          page.evaluate((one) => document.activeElement?.matches(one), selector);
        expect(await hasFocus(".entries")).toBe(true);
        await change(page, { captions: { open: [], passing: [], history: [] } });
        await expect.poll(() => still.isVisible()).toBe(false);
        expect(await hasFocus(".captions")).toBe(true);
        // With spoken captions nothing scrolls.
        await change(page, typing(LONG));
        await box.waitFor();
        await button(page, "Captions").press("Enter");
        await box.waitFor({ state: "detached" });
        expect(await still.getAttribute("tabindex")).toBe(null);
      },
      { width: 844, height: 390 },
    ));
});

test("a line that is deleted before it is done is finished all the same, blank", () =>
  reading("call-alone", {}, async (page) => {
    await button(page, "Type instead").press("Enter");
    await page.keyboard.press("Enter");
    await page.keyboard.type("My");
    await expect.poll(async () => (await orders(page)).at(-1)).toMatch(/^typeLine \d+ My false/);
    await page.keyboard.press("Backspace");
    await page.keyboard.press("Backspace");
    await expect.poll(async () => (await orders(page)).at(-1)).toMatch(/^typeLine \d+ {2}false/);
    await page.keyboard.press("Enter");
    expect((await orders(page)).at(-1)).toMatch(/^typeLine \d+ {2}true/);
    // What is not begun is not finished.
    const said = (await orders(page)).length;
    await page.keyboard.press("Enter");
    expect(await orders(page)).toHaveLength(said);
  }));

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

test.each([WIDE, { width: 320, height: 568 }])(
  "a line that was refused is said at once, and goes back into its field with all its words, at $width px",
  (viewport) =>
    reading(
      "call-captioner",
      {},
      async (page) => {
        const field = page.getByLabel("Type what is said");
        const refused = page.locator(".refused-line");
        const says = page.getByRole("alert").filter({ hasText: "Not sent" });
        await change(page, {
          refusedLine: { text: "between us", code: "not_found", offRecord: true },
        });
        await says.getByText("the person whose words these are is no longer here").waitFor();
        await says.getByText("You wrote: “between us”").waitFor();
        expect(await findings(page)).toEqual([]);
        await refused.getByRole("button", { name: "Copy" }).press("Enter");
        await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toBe("between us");
        // With the field closed it opens; what was written off the record stays off it.
        await button(page, "Write it again").press("Enter");
        await says.waitFor({ state: "detached" });
        await expect.poll(() => field.inputValue()).toBe("between us");
        expect(await field.evaluate((one) => one === document.activeElement)).toBe(true);
        await page.keyboard.press("Enter");
        expect((await orders(page)).at(-1)).toMatch(/^typeLine \d+ between us true own off$/);
        // Who has gone on has both.
        await field.fill("and you");
        await change(page, { refusedLine: { text: "I can't speak", code: "forbidden", offRecord: false } });
        await says.getByText("You are not allowed to do that").waitFor();
        await button(page, "Write it again").press("Enter");
        expect(await field.inputValue()).toBe("I can't speak and you");
        // What is too long for the field can be copied, and be left.
        const long = "word ".repeat(100).trim();
        await change(page, { refusedLine: { text: long, code: "forbidden", offRecord: false } });
        await button(page, "Write it again").press("Enter");
        expect(await field.inputValue()).toBe("I can't speak and you");
        expect(await button(page, "Write it again").count()).toBe(0);
        await refused.getByRole("button", { name: "Close" }).press("Enter");
        await says.waitFor({ state: "detached" });
        expect(await field.evaluate((one) => one === document.activeElement)).toBe(true);
      },
      viewport,
    ),
);

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
