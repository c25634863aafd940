// What was said, to read again and to put right, in a real browser without a server. Each test has a state of its own.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { caption } from "../src/ui/harness/scenes.ts";
import { button, change, findings, focused, Harness, isFocused, orders, WIDE } from "./support/harness.ts";

let harness: Harness;

beforeAll(async () => {
  harness = await Harness.start();
});

afterAll(() => harness?.stop());

const reading: Harness["reading"] = (...reader) => harness.reading(...reader);

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
      // Too much at once: it can be saved again.
      await field.press("Enter");
      await change(page, { correctionRefusal: { code: "too_many_messages" } });
      await alert.getByText("Not saved. That was too much at once. Wait a moment and try again.").waitFor();
      expect(await field.inputValue()).toBe("That was a bad week.");
      await field.press("Enter");
      await button(page, "Saving…").waitFor();
      expect(await saved()).toHaveLength(4);
    }));

  test("a correction of a line that is taken back meanwhile stays, to be copied, and so does the focus", () =>
    reading("call", {}, async (page) => {
      await change(page, { captions: SAID });
      await button(page, "Caption history").click();
      await page.getByRole("button", { name: /^Correct: That was/ }).click();
      const field = page.getByLabel("What Ann said");
      await field.fill("That was a bad week.");
      await field.press("Tab");
      await expect.poll(() => focused(page)).toBe("Save");
      await change(page, {
        captions: { ...SAID, history: SAID.history.filter(({ id }) => id.number !== 2) },
      });
      await page.getByRole("alert").getByText("This line is no longer there").waitFor();
      await expect.poll(() => isFocused(field)).toBe(true);
      expect(await findings(page, ".history-panel")).toEqual([]);
      // In its place, and no part of what was said.
      const list = page.getByRole("region", { name: "Everything said so far" });
      const lines = await list.locator(".history-line").allInnerTexts();
      expect(lines.map((line) => /Good evening|But I came/.test(line))).toEqual([true, false, true]);
      await field.press("Enter");
      expect(await field.inputValue()).toBe("That was a bad week.");
      await field.press("Tab");
      await page.keyboard.press("Enter");
      await page.getByText("What you wrote copied.").waitFor();
      expect(await page.evaluate(() => navigator.clipboard.readText())).toBe("That was a bad week.");
      await list.getByRole("button", { name: "Close", exact: true }).press("Enter");
      await field.waitFor({ state: "detached" });
      await expect.poll(() => focused(page)).toBe("Everything said so far");
      expect((await orders(page)).filter((order) => order.startsWith("correctCaption"))).toEqual([]);
    }));

  test("a line that is taken back brings nobody to its correction who has left that", () =>
    reading("call", {}, async (page) => {
      await change(page, { captions: SAID });
      await button(page, "Caption history").click();
      await page.getByRole("button", { name: /^Correct: That was/ }).click();
      const field = page.getByLabel("What Ann said");
      await expect.poll(() => isFocused(field)).toBe(true);
      await field.blur();
      await change(page, {
        captions: { ...SAID, history: SAID.history.filter(({ id }) => id.number !== 2) },
      });
      await page.getByRole("alert").getByText("This line is no longer there").waitFor();
      await button(page, "Copy what you wrote").waitFor();
      expect(await isFocused(field)).toBe(false);
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
