// What a reader does with captions, in a real browser without a server: every setting as it is painted, the history,
// the place of the box. Each test has a state of its own.

import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { CaptionSettings } from "../src/ui/captions/settings.ts";
import { caption } from "../src/ui/harness/scenes.ts";
import { change, Harness, orders } from "./support/harness.ts";

const WIDE = { width: 1280, height: 800 };

let harness: Harness;

beforeAll(async () => {
  harness = await Harness.start();
});

afterAll(() => harness?.stop());

/** A page of this reader's, gone after the test. */
async function reading(
  scene: string,
  settings: Partial<CaptionSettings>,
  test: (page: Page) => Promise<void>,
  viewport = WIDE,
): Promise<void> {
  const context = await harness.browser.newContext({
    viewport,
    permissions: ["clipboard-read", "clipboard-write"],
  });
  const page = await context.newPage();
  try {
    await harness.openWith(page, scene, settings);
    await test(page);
  } finally {
    await context.close();
  }
}

const button = (page: Page, name: string) => page.getByRole("button", { name, exact: true });

/** The name of what has the keyboard's focus. */
const focused = (page: Page) =>
  page.evaluate(
    () => document.activeElement?.getAttribute("aria-label") ?? document.activeElement?.textContent ?? "",
  );

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
          await expect.poll(() => focused(page)).toBe("Correct: That was a s••••• weak for me.");
          expect(await orders(page)).toContain("correctCaption 2 That was a shitty week for me.");
          // Taken back: the line goes, and the focus stays in the list.
          await change(page, { captions: { ...SAID, history: SAID.history.slice(0, 1) } });
          await expect.poll(() => focused(page)).toBe("Everything said so far");
        },
        viewport,
      ),
  );
});

describe("the live captions", () => {
  const entries = (page: Page) => page.getByRole("region", { name: "Live captions" }).locator(".entry");

  test("hold a line from when it stood finished, however late it came", () =>
    reading("call-alone", { holdSeconds: 5 }, async (page) => {
      const late = caption(1, 0, { stable: "Said a minute ago.", ended_at: Date.now() - 60_000 });
      await change(page, { captions: { open: [], passing: [], history: [late] } });
      await entries(page).getByText("Said a minute ago.").waitFor();
      await expect.poll(() => entries(page).count(), { timeout: 15_000 }).toBe(0);
    }));
});
