// The list of names and terms, in a real browser without a server: nothing that is written in it is lost. Each test has a
// state of its own.

import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { button, change, findings, focused, Harness, isFocused, orders } from "./support/harness.ts";

let harness: Harness;

beforeAll(async () => {
  harness = await Harness.start();
});

afterAll(() => harness?.stop());

/** The list of names and terms as its facilitator has it before them, and the button that opens it. */
async function listOf(page: Page) {
  await button(page, "Manage session").press("Enter");
  const dialog = page.getByRole("dialog", { name: "Names and terms" });
  return {
    open: button(page, "Names and terms…"),
    dialog,
    words: dialog.getByLabel("Words that captions get wrong"),
    inDialog: (name: string) => dialog.getByRole("button", { name, exact: true }),
  };
}

const listing = (
  viewport: { width: number; height: number },
  test: (page: Page, list: Awaited<ReturnType<typeof listOf>>) => Promise<void>,
) => harness.reading("facilitator-quiet", {}, async (page) => test(page, await listOf(page)), viewport);

test("names and terms are changed with the keyboard on a small phone, and mistakes are said", () =>
  listing({ width: 320, height: 640 }, async (page, { open, dialog, words, inDialog }) => {
    await open.press("Enter");
    expect(await words.inputValue()).toBe("Sertraline\nAnneliese\nMarjorie");
    await words.fill(Array.from({ length: 51 }, (_, at) => `term${at}`).join("\n"));
    await inDialog("Save").press("Enter");
    await dialog.getByText("At most 50 words.").waitFor();
    await expect.poll(() => isFocused(words)).toBe(true);
    expect(await words.getAttribute("aria-invalid")).toBe("true");
    expect(await findings(page)).toEqual([]);
    await words.fill("Smith, John\nSmith, John\n  St. John's wort ");
    await inDialog("Save").press("Enter");
    await inDialog("Saving…").waitFor();
    expect((await orders(page)).at(-1)).toBe("setVocabulary Smith, John St. John's wort");
    await change(page, { vocabulary: ["Smith, John", "St. John's wort"] });
    await dialog.waitFor({ state: "detached" });
    await expect.poll(() => focused(page)).toContain("Names and terms");
  }));

test("names and terms are not thrown away by a key: whoever has changed them is asked first", () =>
  listing({ width: 360, height: 740 }, async (page, { open, dialog, words, inDialog }) => {
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
      [inDialog("Cancel"), "Enter"],
      [inDialog("Close"), "Enter"],
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
  }));

test("whoever closes names and terms while they are being saved is not told that they are thrown away", () =>
  listing({ width: 360, height: 740 }, async (page, { open, dialog, words, inDialog }) => {
    const question = page.getByRole("alertdialog", { name: "Close before the server answers?" });
    const save = async (term: string) => {
      await open.press("Enter");
      await words.fill(term);
      await inDialog("Save").press("Enter");
      await inDialog("Saving…").waitFor();
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
  }));

test("names and terms that could not be saved stay, with the reason, and with what others add", () =>
  listing({ width: 360, height: 740 }, async (page, { open, dialog, words, inDialog }) => {
    await open.click();
    const save = inDialog("Save");
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
  }));
