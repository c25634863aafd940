// The boundaries of a session's time: before its start members wait, at its end everything is over.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Person } from "./support/person.ts";
import { eventually, HearkenServer, pause } from "./support/server.ts";

const BEFORE_START_MS = 9_000;
const LENGTH_MS = 9_000;

describe("a session that starts and ends by the clock", () => {
  let server: HearkenServer;
  let fay: Person;
  let ann: Person;

  beforeAll(async () => {
    server = await HearkenServer.start();
    [fay, ann] = await Promise.all([Person.launch("Fay"), Person.launch("Ann")]);
  });

  afterAll(async () => {
    await Promise.all([fay.close(), ann.close()]);
    await server.stop();
  });

  test("lets facilitators in early, members at the start, and everybody out at the end", async () => {
    const startsAt = Date.now() + BEFORE_START_MS;
    const endsAt = startsAt + LENGTH_MS;
    const links = await server.createSession({
      name: "By the clock",
      captions: false,
      waiting_room: false,
      starts_at: new Date(startsAt).toISOString(),
      ends_at: new Date(endsAt).toISOString(),
    });
    await ann.join(links.member_url, "Ask to join");
    await eventually("Ann waits for the start", async () =>
      ann.messages<{ reason: string }>("waiting").some((message) => message.reason === "not_started"),
    );
    await fay.join(links.facilitator_url, "Join");
    await fay.waitUntilInCall();
    expect(Date.now()).toBeLessThan(startsAt);
    expect(await ann.peerConnections()).toEqual({ made: 0, open: 0 });

    await ann.waitUntilInCall();
    expect(Date.now()).toBeGreaterThanOrEqual(startsAt);
    await ann.toggle("Camera", true);

    await pause(Math.max(0, endsAt - Date.now() - 500));
    expect(ann.messages("ended")).toEqual([]);
    for (const person of [fay, ann]) {
      await eventually(`${person.name} is told why`, async () =>
        person.messages<{ reason: string }>("ended").some((message) => message.reason === "time"),
      );
      await eventually(
        `${person.name} has no connection`,
        async () => (await person.peerConnections()).open === 0,
      );
    }
    expect(Date.now() - endsAt).toBeLessThan(2_000);
    await fay.join(links.facilitator_url, "Join");
    await eventually("the facilitator link is dead, too", async () =>
      fay.messages<{ code: string }>("error").some((error) => error.code === "ended"),
    );
  });
});
