// What code a page loads, and what one sees when it does not come.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Person } from "./support/person.ts";
import { HearkenServer, type Links } from "./support/server.ts";

describe("the code of a page", () => {
  let server: HearkenServer;
  let links: Links;
  let ann: Person;

  /** Whether any script that the page has loaded makes calls. */
  const hasCalls = () =>
    ann.page.evaluate(async () => {
      const scripts = performance.getEntriesByType("resource").filter(({ name }) => name.endsWith(".js"));
      const texts = await Promise.all(scripts.map(async ({ name }) => (await fetch(name)).text()));
      return texts.some((text) => text.includes("RTCPeerConnection"));
    });

  beforeAll(async () => {
    server = await HearkenServer.start();
    links = await server.createSession({ name: "Light", captions: false });
    ann = await Person.launch("Ann");
  });

  afterAll(async () => {
    await ann?.close();
    await server?.stop();
  });

  test("has nothing of a call where sessions are made", async () => {
    await ann.page.goto(server.origin);
    await ann.page.getByRole("heading", { name: "Create a session" }).waitFor();
    expect(await hasCalls()).toBe(false);
    await ann.page.goto(links.member_url);
    await ann.button("Ask to join").waitFor();
    expect(await hasCalls()).toBe(true);
  });

  test("can be asked for again when it did not come, and the link is still whole", async () => {
    const code = /\/assets\/session-.*\.js$/;
    await ann.context.route(code, (route) => route.abort());
    await ann.page.reload();
    const said = ann.page.getByRole("alert").filter({ hasText: "This page could not be loaded" });
    await said.getByRole("heading").waitFor();
    expect(await ann.page.getByText("does not work").isVisible()).toBe(false);
    await ann.context.unroute(code);
    await ann.button("Try again").click();
    await ann.button("Ask to join").waitFor();
    expect(await ann.page.getByRole("heading", { name: "This page could not be loaded" }).count()).toBe(0);
  });

  test("is not said to be missing when it came and failed as it started", async () => {
    const page = await ann.context.newPage();
    await page.addInitScript(() => {
      const find = document.getElementById.bind(document);
      document.getElementById = (id) => (id === "root" ? null : find(id));
    });
    await page.goto(links.member_url);
    const said = page.getByRole("alert").filter({ hasText: "This page does not work in this browser" });
    await said.getByRole("heading").waitFor();
    expect(await page.getByText("could not be loaded").isVisible()).toBe(false);
    await page.close();
  });
});
