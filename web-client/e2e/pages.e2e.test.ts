// Every page and every state, without a server: nothing that axe-core finds, nothing wider than the screen,
// every control large enough for a finger; and the focus stays with whoever uses the keyboard.

import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findings, Harness } from "./support/harness.ts";

const SIZES = [
  { width: 390, height: 844, colorScheme: "dark" },
  { width: 390, height: 844, colorScheme: "light" },
  { width: 1280, height: 800, colorScheme: "dark" },
  { width: 1280, height: 800, colorScheme: "light" },
  { width: 320, height: 640, colorScheme: "dark" },
  { width: 844, height: 390, colorScheme: "light" },
] as const;
/** WCAG 2.5.8 wants 24; ours are made for fingers. */
const TARGET_PX = 44;

let harness: Harness;
let browser: Browser;

beforeAll(async () => {
  harness = await Harness.start();
  browser = harness.browser;
});

afterAll(() => harness?.stop());

const open = (page: Page, scene: string): Promise<void> => harness.open(page, scene);

async function scenes(page: Page): Promise<string[]> {
  await page.goto(harness.address);
  await page.getByRole("link", { name: "start", exact: true }).waitFor();
  return page.getByRole("link").allTextContents();
}

function smallTargets(page: Page): Promise<string[]> {
  return page.evaluate(
    (least) =>
      [...document.querySelectorAll("button, input:not([type=checkbox], [type=radio])")]
        .filter((element) => element.closest("[hidden], .visually-hidden, [aria-hidden=true]") === null)
        .map((element) => ({ box: element.getBoundingClientRect(), element }))
        .filter(({ box }) => box.width > 0 && (box.width < least - 0.5 || box.height < least - 0.5))
        .map(({ element }) => element.getAttribute("aria-label") ?? element.textContent ?? "unnamed"),
    TARGET_PX,
  );
}

describe.each(SIZES)("at $width × $height in $colorScheme", ({ width, height, colorScheme }) => {
  test("every state is sound", async () => {
    const context = await browser.newContext({ viewport: { width, height }, colorScheme });
    const page = await context.newPage();
    const found: string[] = [];
    for (const scene of await scenes(page)) {
      await open(page, scene);
      const wider = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      found.push(
        ...(await findings(page)).map((finding) => `${scene}: ${finding}`),
        ...(await smallTargets(page)).map((name) => `${scene}: too small: ${name}`),
        ...(wider > 0 ? [`${scene}: ${wider} px wider than the screen`] : []),
      );
    }
    await context.close();
    expect(found).toEqual([]);
  });
});

describe("with the keyboard", () => {
  test("the heading has the focus when the call begins, and Escape closes a panel and gives the focus back", async () => {
    const page = await browser.newPage({ viewport: { width: 390, height: 844 } });
    await open(page, "facilitator");
    await page.locator("h1:focus").waitFor();
    const manage = page.getByRole("button", { name: /^Manage session/ });
    await manage.focus();
    await page.keyboard.press("Enter");
    await page.getByRole("region", { name: "Waiting room", exact: true }).waitFor();
    await page.keyboard.press("Escape");
    await expect.poll(() => manage.evaluate((element) => element === document.activeElement)).toBe(true);
    await page.close();
  });

  test("what cannot be undone is asked for, with the focus on the harmless answer", async () => {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    await open(page, "facilitator");
    await page.getByRole("button", { name: "End session for everyone", exact: true }).click();
    const dialog = page.getByRole("alertdialog");
    await dialog.getByRole("button", { name: "End session", exact: true }).waitFor();
    await expect.poll(() => page.evaluate(() => document.activeElement?.textContent)).toBe("Cancel");
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    await page.close();
  });

  test("every control of the call is reached by Tab, in the order in which it stands", async () => {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    await open(page, "call");
    await page.locator("h1:focus").waitFor();
    const names: string[] = [];
    for (let presses = 0; presses < 13; presses += 1) {
      await page.keyboard.press("Tab");
      names.push(
        await page.evaluate(
          () =>
            document.activeElement?.getAttribute("aria-label") ?? document.activeElement?.textContent ?? "",
        ),
      );
    }
    expect(names).toEqual([
      "Connection: Good. Details",
      "Guidelines",
      "Options for Fay Facilitator",
      "Type instead",
      "Caption settings",
      "Microphone",
      "Camera",
      "Captions",
      "Raise hand",
      "Share screen",
      "Caption history",
      "Device settings",
      "Leave",
    ]);
    await page.close();
  });

  test("the arrow keys go from tile to tile, and a pinned person is said to be so", async () => {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    await open(page, "call-pinned");
    const name = () => page.evaluate(() => document.activeElement?.getAttribute("aria-label"));
    await page.getByRole("button", { name: "Options for Fay Facilitator" }).focus();
    await page.keyboard.press("ArrowRight");
    expect(await name()).toBe("Options for D.");
    await page.keyboard.press("Enter");
    const interpreter = page.getByRole("menuitemcheckbox", { name: "My sign-language interpreter" });
    await interpreter.waitFor();
    expect(await interpreter.getAttribute("aria-checked")).toBe("true");
    expect(await page.getByRole("menuitemcheckbox", { name: /^Pin/ }).getAttribute("aria-checked")).toBe(
      "false",
    );
    await page.keyboard.press("Escape");
    await expect.poll(name).toBe("Options for D.");
    const pinned = page.getByRole("group", { name: "Fay Facilitator", exact: true });
    expect(await pinned.textContent()).toContain("pinned by you");
    await page.close();
  });

  test("who is pinned moves to the front, and the focus goes along", async () => {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    await open(page, "call");
    const focused = () => page.evaluate(() => document.activeElement?.getAttribute("aria-label"));
    for (const pinned of [true, false]) {
      await page.getByRole("button", { name: "Options for Fay Facilitator" }).press("Enter");
      await page.getByRole("menuitemcheckbox", { name: /^Pin/ }).press("Enter");
      await expect
        .poll(async () =>
          (await page.getByRole("group", { name: "Fay Facilitator", exact: true }).textContent())?.includes(
            "pinned by you",
          ),
        )
        .toBe(pinned);
      await expect.poll(focused).toBe("Options for Fay Facilitator");
      expect(await page.getByRole("menu").count()).toBe(0);
    }
    await page.close();
  });

  test("the line's sign leads to figures and to how much video one wants", async () => {
    const page = await browser.newPage({ viewport: { width: 320, height: 640 } });
    await open(page, "call-weak");
    await page.getByRole("button", { name: "Connection: Weak. Details", exact: true }).press("Enter");
    const dialog = page.getByRole("dialog", { name: "Your connection" });
    await dialog.getByText("Your connection is weak.").waitFor();
    await dialog.getByText("268 kbit/s, 12 % lost").waitFor();
    expect(await dialog.getByRole("radio", { name: /^Full/ }).isChecked()).toBe(true);
    await dialog.getByRole("radiogroup", { name: "How much video" }).waitFor();
    await page.close();
  });

  test("a mistake in the form is said and the field has the focus", async () => {
    const page = await browser.newPage();
    await open(page, "join");
    await page.getByLabel("Your name").fill("Ann");
    await page.getByRole("button", { name: "Ask to join", exact: true }).click();
    const checkbox = page.getByRole("checkbox", { name: "I agree to the group guidelines" });
    await expect.poll(() => checkbox.evaluate((element) => element === document.activeElement)).toBe(true);
    expect(await checkbox.getAttribute("aria-invalid")).toBe("true");
    await page.close();
  });
});

test("a knock changes the title of the tab", async () => {
  const page = await browser.newPage();
  await open(page, "facilitator");
  await expect.poll(() => page.title()).toMatch(/^\(2\) People are waiting/);
  await page.close();
});
