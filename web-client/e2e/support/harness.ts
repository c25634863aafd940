// The pages in a real browser, without a server: scenes of `src/ui/harness`, whose state a test can change.

import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import react from "@vitejs/plugin-react";
import type Axe from "axe-core";
import { type Browser, chromium, type Locator, type Page } from "playwright-core";
import { build, type PreviewServer, preview } from "vite";
import type { CaptionSettings } from "../../src/ui/captions/settings.ts";
import { PATIENCE_MS } from "./server.ts";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** A screen with room for everything. */
export const WIDE = { width: 1280, height: 800 };

/** The part of a state that tests change. */
export type Change = Record<string, unknown>;

interface Shown {
  getSnapshot: () => Record<string, unknown>;
  show: (state: Record<string, unknown>) => void;
  orders?: string[];
}

/**
 * The harness as a folder of files, built by the run's first test that needs it: bundled and with the libraries'
 * production code as people get them, which a browser loads in a fraction of the time of a development server's.
 */
async function builtHarness(): Promise<string> {
  const root = new URL("../..", import.meta.url).pathname;
  const outDir = join(tmpdir(), "harness");
  if (!existsSync(join(outDir, "harness.html"))) {
    await build({
      configFile: false,
      root,
      plugins: [react()],
      logLevel: "error",
      build: {
        outDir,
        emptyOutDir: true,
        target: "es2023",
        rolldownOptions: { input: join(root, "harness.html") },
      },
    });
  }
  return outDir;
}

export class Harness {
  private constructor(
    private readonly server: PreviewServer,
    readonly browser: Browser,
    readonly address: string,
  ) {}

  static async start(): Promise<Harness> {
    const server = await preview({
      configFile: false,
      build: { outDir: await builtHarness() },
      preview: { host: "127.0.0.1", port: 0 },
      logLevel: "error",
    });
    const browser = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"],
    });
    return new Harness(server, browser, `${server.resolvedUrls?.local[0] ?? ""}harness.html`);
  }

  async stop(): Promise<void> {
    await this.browser.close();
    await this.server.close();
  }

  async open(page: Page, scene: string): Promise<void> {
    page.setDefaultTimeout(PATIENCE_MS);
    await page.goto(`${this.address}#${scene}`);
    await page.locator(`html[data-scene="${scene}"] h1`).waitFor();
  }

  /** A page of a reader with these caption settings, gone after the test. */
  async reading(
    scene: string,
    settings: Partial<CaptionSettings>,
    test: (page: Page) => Promise<void>,
    viewport: { width: number; height: number } = WIDE,
  ): Promise<void> {
    const context = await this.browser.newContext({
      viewport,
      permissions: ["clipboard-read", "clipboard-write"],
    });
    const page = await context.newPage();
    try {
      await this.openWith(page, scene, settings);
      await test(page);
    } finally {
      await context.close();
    }
  }

  /** Opens a scene as a reader with these caption settings sees it. */
  async openWith(page: Page, scene: string, settings: Partial<CaptionSettings>): Promise<void> {
    await page.addInitScript(
      (text) => localStorage.setItem("hearken.caption-settings", text),
      JSON.stringify(settings),
    );
    await this.open(page, scene);
  }
}

/** The button of exactly this name. */
export const button = (page: Page, name: string): Locator => page.getByRole("button", { name, exact: true });

/** Where the first such element stands. */
export async function rect(page: Page, selector: string) {
  const box = await page.locator(selector).first().boundingBox();
  if (box === null) throw new Error(`${selector} is not drawn`);
  return { ...box, right: box.x + box.width, bottom: box.y + box.height };
}

/** Changes some fields of the state that stands in the harness. */
export function change(page: Page, changes: Change): Promise<void> {
  return page.evaluate((fields) => {
    const { shownInHarness: shown } = globalThis as unknown as { shownInHarness: Shown };
    shown.show({ ...shown.getSnapshot(), ...fields });
  }, changes);
}

/** The state that stands in the harness. */
export function shown(page: Page): Promise<Record<string, unknown>> {
  return page.evaluate(() =>
    (globalThis as unknown as { shownInHarness: Shown }).shownInHarness.getSnapshot(),
  );
}

/** What was asked of the server so far, as words. */
export function orders(page: Page): Promise<string[]> {
  return page.evaluate(
    () => (globalThis as unknown as { shownInHarness: Shown }).shownInHarness.orders ?? [],
  );
}

/** The reader chooses other caption settings, in another tab of the browser. */
export function choose(page: Page, settings: Partial<CaptionSettings>): Promise<void> {
  return page.evaluate((text) => {
    localStorage.setItem("hearken.caption-settings", text);
    window.dispatchEvent(new StorageEvent("storage", { key: "hearken.caption-settings" }));
  }, JSON.stringify(settings));
}

/** What axe-core has to say, in one line each; of a part of the page, or of all of it. */
export async function findings(page: Page, part = "html"): Promise<string[]> {
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(AXE);
  const results = await page.evaluate(
    (context) =>
      (globalThis as unknown as { axe: typeof Axe }).axe.run(context, { resultTypes: ["violations"] }),
    part,
  );
  return results.violations.flatMap(({ id, nodes }) =>
    nodes.map((node) => `${id}: ${node.target.join(" ")}`),
  );
}

/** The name of what has the keyboard's focus. */
export function focused(page: Page): Promise<string> {
  return page.evaluate(
    () => document.activeElement?.getAttribute("aria-label") ?? document.activeElement?.textContent ?? "",
  );
}

export function isFocused(element: Locator): Promise<boolean> {
  return element.evaluate((one) => one === document.activeElement);
}

/** The captions of a call, as they are seen. */
export const entries = (page: Page): Locator => page.locator(".room > .captions .entry");

/** The captions as a screen reader hears them. */
export const log = (page: Page): Locator => page.getByRole("log", { name: "Captions", exact: true });
