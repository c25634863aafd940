// What must not be cut off or covered on phones, on their side too, and at 200% and 400% zoom, in a real browser without
// a server.

import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { button, change, choose, Harness, rect, shown } from "./support/harness.ts";

const SCREENS = [
  { width: 320, height: 568 },
  { width: 360, height: 740 },
  { width: 800, height: 500 },
  // 1280 × 800 at 200%.
  { width: 640, height: 400 },
];

let harness: Harness;

beforeAll(async () => {
  harness = await Harness.start();
});

afterAll(() => harness?.stop());

/** What of the page is on top in the middle of an element, and at its corners: the element itself, if nothing covers it. */
const isInSight = (page: Page, name: string) =>
  page
    .getByRole("dialog", { name: "Names and terms" })
    .getByRole("button", { name, exact: true })
    .evaluate((element) => {
      const { left, right, top, bottom } = element.getBoundingClientRect();
      const points = [
        [(left + right) / 2, (top + bottom) / 2],
        [left + 8, top + 8],
        [right - 8, bottom - 8],
      ] as const;
      return points.every(([x, y]) => element.contains(document.elementFromPoint(x, y)));
    });

/** How many lines the captions have room for, and how many letters the last one's name has. */
const lastLines = (page: Page) =>
  page.locator(".room > .captions .entries").evaluate((entries) => {
    const text = entries.querySelector(".entry:last-child .entry-text") as Element;
    const name = entries.querySelector(".entry:last-child .entry-name-words") as Element;
    const box = (entries.closest(".captions") as Element).getBoundingClientRect();
    const line = Number.parseFloat(getComputedStyle(text).lineHeight);
    entries.scrollIntoView({ block: "nearest" });
    const last = entries.getBoundingClientRect();
    return {
      lines: Math.round((entries.clientHeight / line) * 100) / 100,
      isInBox: entries.getBoundingClientRect().top >= box.top - 1,
      // The last line is one of words, and no name lies over it.
      isRead: text.contains(document.elementFromPoint(last.left + 12, last.bottom - line / 2)),
      letters: name.clientWidth / Number.parseFloat(getComputedStyle(name).fontSize),
    };
  });

/** How many pixels of the captions' box one has to scroll for. */
const hidden = (page: Page) =>
  page.locator(".room > .captions").evaluate((box) => box.scrollHeight - box.clientHeight);

describe.each(SCREENS)("at $width × $height", (viewport) => {
  test("a dialog's buttons and its error are in sight, whatever else is said in it", () =>
    harness.reading(
      "facilitator-quiet",
      {},
      async (page) => {
        await button(page, "Manage session").click();
        await button(page, "Names and terms…").press("Enter");
        await page.getByLabel("Words that captions get wrong").fill("Sertraline the second");
        await change(page, { vocabulary: ["Sertraline", "Kathryn"], link: "reconnecting" });
        const alert = page.getByRole("dialog", { name: "Names and terms" }).getByRole("alert");
        await alert.getByText("There is no connection.").waitFor();
        for (const name of ["Close", "Cancel", "Save"]) {
          if (name === "Close" && viewport.height < 480) continue;
          expect([name, await isInSight(page, name)]).toEqual([name, true]);
        }
        const box = await alert.boundingBox();
        expect((box?.y ?? -1) >= 0 && (box?.y ?? 0) + (box?.height ?? 0) <= viewport.height).toBe(true);
        // The keyboard finds its field uncovered.
        const field = page.getByLabel("Words that captions get wrong");
        await field.focus();
        const areas = () =>
          field.evaluate((element) => {
            const { left, right, top, bottom } = element.getBoundingClientRect();
            return [top + 4, (top + bottom) / 2, bottom - 4].map(
              (y) => document.elementFromPoint((left + right) / 2, y)?.tagName,
            );
          });
        const whole = ["TEXTAREA", "TEXTAREA", "TEXTAREA"];
        await expect.poll(areas).toEqual(whole);
        // Also when the foot grows while one writes there, and half of the dialog stays for what is in it.
        await change(page, { link: "up" });
        await alert.getByText("There is no connection.").waitFor({ state: "detached" });
        await page.locator(".modal").evaluate((modal) => modal.scrollTo({ top: 0 }));
        await field.press("End");
        await change(page, { link: "reconnecting" });
        await alert.getByText("There is no connection.").waitFor();
        await expect.poll(areas).toEqual(whole);
        const [foot, modal] = [await rect(page, ".modal .dialog-foot"), await rect(page, ".modal")];
        expect(foot.height).toBeLessThanOrEqual(modal.height / 2);
      },
      viewport,
    ));

  test("captions leave the controls alone and are not cut through, and every word has its place", () =>
    harness.reading(
      "call-banners",
      {},
      async (page) => {
        // Beside banners and a line that is being typed.
        await button(page, "Type instead").click();
        const hint = page.locator(".composer .hint");
        expect((await hint.boundingBox())?.height).toBeGreaterThan(10);
        for (const size of [100, 200, 300] as const) {
          for (const link of ["up", "reconnecting"]) {
            await choose(page, { size });
            await change(page, { link });
            const captions = await rect(page, ".room > .captions");
            const controls = await rect(page, ".controls");
            expect([size, link, captions.bottom <= controls.y + 1]).toEqual([size, link, true]);
            const whole = async () => {
              const { lines, isRead } = await lastLines(page);
              return isRead && lines >= 1 && Number.isInteger(lines);
            };
            await expect.poll(whole, { message: `${size}, ${link}` }).toBe(true);
            // On the smallest phone the field and what belongs to it are in sight without scrolling.
            if (size === 100 && viewport.height > 500) {
              expect([link, await hidden(page)]).toEqual([link, 0]);
            }
            // Nothing of them makes the page larger than the screen.
            const beyond = await page.evaluate(() => {
              const { scrollWidth, scrollHeight } = document.documentElement;
              return [scrollWidth - innerWidth, scrollHeight - innerHeight];
            });
            expect([size, link, ...beyond]).toEqual([size, link, 0, 0]);
          }
        }
        await change(page, { link: "up" });
        await choose(page, { position: "side" });
        const beside = await rect(page, ".room > .captions");
        expect(beside.right).toBeLessThanOrEqual(viewport.width);
        expect([beside.width >= 180, beside.height >= 100]).toEqual([true, true]);
        await choose(page, {});
        const leave = await rect(page, ".controls .leave");
        expect(leave.bottom).toBeLessThanOrEqual(viewport.height);
        // Who has finished a line knows how.
        await page.locator(".composer input").fill("Hello.");
        await page.locator(".composer input").press("Enter");
        await expect.poll(async () => (await hint.boundingBox())?.height).toBeLessThan(2);

        await choose(page, { size: 300, lines: 6 });
        await harness.open(page, "call");
        const { lines, isInBox, letters } = await lastLines(page);
        expect([Number.isInteger(lines), lines >= 1, isInBox]).toEqual([true, true, true]);
        // Of a name: eight or so.
        expect(letters).toBeGreaterThan(4);

        await harness.open(page, "facilitator-quiet");
        const out = await page.locator(".controls .control").evaluateAll((controls) =>
          controls
            .filter((control) => {
              const label = control.querySelector(".control-label") as Element;
              const [inner, outer] = [label.getBoundingClientRect(), control.getBoundingClientRect()];
              return inner.left < outer.left || inner.right > outer.right || outer.right > innerWidth;
            })
            .map((control) => control.textContent),
        );
        expect(out).toEqual([]);
        const label = page.locator(".control-label").first();
        const fontSize = await label.evaluate((element) => getComputedStyle(element).fontSize);
        expect(fontSize).toBe(viewport.width < 704 ? "11px" : "12px");
        // A long name is read in full.
        const session = (await shown(page)).session as object;
        await change(page, {
          session: { ...session, name: "Evening circle for the bereaved of Österreich" },
        });
        await button(page, "Guidelines").click();
        const name = page.getByRole("dialog").getByText("Evening circle for the bereaved of Österreich");
        expect(await name.evaluate((text) => text.scrollWidth <= text.clientWidth)).toBe(true);
      },
      viewport,
    ));
});

test("at 400% the preview of the caption settings leaves room for the choices", () =>
  harness.reading(
    "call",
    { size: 300 },
    async (page) => {
      await button(page, "Caption settings").click();
      const edge = page.getByRole("button", { name: /Edge of the letters/ });
      await edge.focus();
      const box = await edge.boundingBox();
      const found = await edge.evaluate(
        (element, [x, y]) => element.contains(document.elementFromPoint(x ?? 0, y ?? 0)),
        [(box?.x ?? 0) + 20, (box?.y ?? 0) + 8],
      );
      expect(found).toBe(true);
    },
    { width: 320, height: 256 },
  ));

test("what the keyboard comes to in the caption settings is in sight, both ways, on a phone", () =>
  harness.reading(
    "call",
    { size: 300 },
    async (page) => {
      await button(page, "Caption settings").press("Enter");
      await page.getByRole("dialog", { name: "Caption settings" }).waitFor();
      const seen = new Set<string>();
      const hidden: string[] = [];
      for (const key of [...Array(24).fill("Tab"), ...Array(24).fill("Shift+Tab")] as const) {
        await page.keyboard.press(key);
        const [name, isSeen] = await page.evaluate(async () => {
          // The dialog scrolls in the next frame.
          await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
          const focused = document.activeElement as HTMLElement;
          const whole = focused.closest("label") ?? focused;
          const { left, right, top, bottom } = whole.getBoundingClientRect();
          const points = [0.2, 0.5, 0.7].map((part) =>
            document.elementFromPoint((left + right) / 2, top + (bottom - top) * part),
          );
          const isFound = points.every(
            (found) => found !== null && (whole.contains(found) || found.contains(whole)),
          );
          return [whole.getAttribute("aria-label") ?? whole.textContent ?? "", isFound] as const;
        });
        seen.add(name);
        if (!isSeen) hidden.push(`${key} ${name}`);
      }
      expect(hidden).toEqual([]);
      // All of them, to the end of the dialog.
      expect([...seen].join()).toMatch(/300%.*Hide.*Back to the standard/s);
    },
    { width: 360, height: 740 },
  ));
