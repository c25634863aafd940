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
    await ann.page.getByRole("heading", { name: "This page could not be loaded" }).waitFor();
    await ann.context.unroute(code);
    await ann.button("Try again").click();
    await ann.button("Ask to join").waitFor();
    expect(await ann.page.getByRole("heading", { name: "This page could not be loaded" }).count()).toBe(0);
  });
});
