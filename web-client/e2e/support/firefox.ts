// One person in a real headless Firefox of their own, driven over WebDriver BiDi, with Firefox's fake microphone and
// camera. As `Person`, as far as a test of Firefox needs it.

import puppeteer, { type Browser, type ElementHandle, type Page } from "puppeteer-core";
import { rememberPeerConnections } from "./person.ts";
import { eventually, pause } from "./server.ts";

/** Until a browser that is asked to end must have ended. */
const CLOSE_MS = 10_000;
/** Until an answer to a command. */
const ANSWER_MS = 25_000;
/** Until the browser is there. */
const START_MS = 60_000;
/** Now and then Firefox does not answer a command for good. Tests then begin anew, with another one. */
export const RETRY = { count: 2, condition: /Firefox does not answer/ };
const FIREFOX = process.env.FIREFOX ?? "/usr/bin/firefox-esr";

/** Fake devices without a question; media over loopback; nothing that asks or fetches of its own accord. */
const PREFERENCES = {
  "media.navigator.streams.fake": true,
  "media.navigator.permission.disabled": true,
  "media.peerconnection.ice.loopback": true,
  "media.peerconnection.ice.obfuscate_host_addresses": false,
  "media.autoplay.default": 0,
  "datareporting.policy.dataSubmissionEnabled": false,
  "app.update.enabled": false,
  "browser.safebrowsing.update.enabled": false,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
};

export class FirefoxPerson {
  private constructor(
    readonly name: string,
    private readonly browser: Browser,
    readonly page: Page,
  ) {}

  /** With a loudspeaker if the environment names one. */
  static async launch(
    name: string,
    environment: Readonly<Record<string, string>> = {},
  ): Promise<FirefoxPerson> {
    const browser = await puppeteer.launch({
      browser: "firefox",
      executablePath: FIREFOX,
      headless: true,
      timeout: START_MS,
      env: { ...process.env, ...environment },
      extraPrefsFirefox: PREFERENCES,
      defaultViewport: { width: 1000, height: 700 },
    });
    const page = await browser.newPage();
    await page.evaluateOnNewDocument(rememberPeerConnections);
    return new FirefoxPerson(name, browser, page);
  }

  version(): Promise<string> {
    return this.browser.version();
  }

  /** Opens a link, fills in the join page and asks to join. */
  async join(url: string): Promise<void> {
    await answer(this.page.goto(url));
    const field = await this.element("the name field", () =>
      document.querySelector<HTMLElement>('input[type="text"], input:not([type])'),
    );
    await answer(field.type(this.name));
    const guidelines = await this.element("the guidelines", () =>
      document.querySelector<HTMLElement>('input[type="checkbox"]'),
    );
    await answer(guidelines.evaluate((box) => (box as HTMLInputElement).click()));
    await this.press("Ask to join");
    await this.button("Leave");
  }

  /** Presses a toggle button until it is in the wanted state. */
  async toggle(name: string, on: boolean): Promise<void> {
    const button = await this.button(name);
    const isOn = () => answer(button.evaluate((one) => one.getAttribute("aria-pressed") === "true"));
    if ((await isOn()) !== on) {
      await answer(button.click());
    }
    await eventually(`${name} is ${on ? "on" : "off"}`, async () => (await isOn()) === on);
  }

  async press(name: string): Promise<void> {
    const button = await this.button(name);
    await answer(button.click());
  }

  /** Whether it still answers at all. */
  isThere(): Promise<boolean> {
    return answer(this.page.evaluate(() => true)).catch(() => false);
  }

  private button(name: string): Promise<ElementHandle<HTMLElement>> {
    return this.element(
      `the button ${name}`,
      (wanted) =>
        [...document.querySelectorAll<HTMLElement>("button:not([disabled])")].find(
          (button) => (button.getAttribute("aria-label") ?? button.textContent)?.trim() === wanted,
        ),
      name,
    );
  }

  private element(
    what: string,
    find: (name: string) => HTMLElement | null | undefined,
    name = "",
  ): Promise<ElementHandle<HTMLElement>> {
    return eventually(what, async () => {
      const handle = await answer(this.page.evaluateHandle(find, name));
      const element = handle.asElement() as ElementHandle<HTMLElement> | null;
      return element ?? undefined;
    });
  }

  /** All statistics of the newest peer connection that are of this type, as the browser gives them. */
  statistics(type: string): Promise<Record<string, unknown>[]> {
    const found = this.page.evaluate(async (wanted) => {
      const made = (globalThis as unknown as { peerConnectionsOfThisTest: RTCPeerConnection[] })
        .peerConnectionsOfThisTest;
      const all: Record<string, unknown>[] = [];
      (await made.at(-1)?.getStats())?.forEach((one: Record<string, unknown>) => {
        if (one.type === wanted) {
          all.push({ ...one });
        }
      });
      return all;
    }, type);
    return answer(found);
  }

  /** The text of the log of captions. */
  captions(): Promise<string> {
    const text = this.page.evaluate(
      () => document.querySelector('[role="log"][aria-label="Captions"]')?.textContent ?? "",
    );
    return answer(text);
  }

  /** One that no longer answers is ended. */
  async close(): Promise<void> {
    const process = this.browser.process();
    const closed = this.browser.close().then(
      () => true,
      () => false,
    );
    if (!(await Promise.race([closed, pause(CLOSE_MS).then(() => false)]))) {
      process?.kill("SIGKILL");
    }
  }
}

/** What a command is answered with, in time. */
export async function answer<T>(given: Promise<T>): Promise<T> {
  let late: NodeJS.Timeout | undefined;
  const never = new Promise<never>((_, fail) => {
    late = setTimeout(() => fail(new Error(`Firefox does not answer within ${ANSWER_MS} ms`)), ANSWER_MS);
  });
  try {
    return await Promise.race([given, never]);
  } finally {
    clearTimeout(late);
  }
}
