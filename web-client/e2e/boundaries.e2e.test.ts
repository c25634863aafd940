// The boundaries of a session's time: before its start members wait, at its end everything is over.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Person } from "./support/person.ts";
import { eventually, HearkenServer, PATIENCE_MS } from "./support/server.ts";

/** Before the start, and until the end, there is time for so many people to join one after the other on this machine... */
const JOINS = 3;
/** ...and so much at the least. */
const PHASE_MS_MIN = 9_000;

describe("a session that starts and ends by the clock", () => {
  let server: HearkenServer;
  let fay: Person;
  let ann: Person;
  /** How long people have before the start, and how long the session is. */
  let phaseMs = 0;

  beforeAll(async () => {
    server = await HearkenServer.start();
    [fay, ann] = await Promise.all([Person.launch("Fay"), Person.launch("Ann")]);
    // Once without a clock, to see how long it takes here.
    const links = await server.createSession({ name: "Without", captions: false, waiting_room: false });
    const began = Date.now();
    await fay.join(links.facilitator_url, "Join");
    await fay.waitUntilInCall();
    phaseMs = Math.max(PHASE_MS_MIN, JOINS * (Date.now() - began));
  });

  afterAll(async () => {
    await Promise.all([fay.close(), ann.close()]);
    await server.stop();
  });

  test("lets facilitators in early, members at the start, and everybody out at the end", async () => {
    const startsAt = Date.now() + phaseMs;
    const endsAt = startsAt + phaseMs;
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

    await ann.button("Leave").waitFor({ timeout: phaseMs + PATIENCE_MS });
    expect(Date.now()).toBeGreaterThanOrEqual(startsAt);
    await ann.toggle("Camera", true);

    const isOver = ({ reason }: { reason: string }) => reason === "time";
    const toldAt = await Promise.all(
      [fay, ann].map((person) =>
        eventually(
          `${person.name} is told why`,
          async () => person.messages<{ reason: string }>("ended").some(isOver) && Date.now(),
          phaseMs + PATIENCE_MS,
        ),
      ),
    );
    expect(Math.min(...toldAt)).toBeGreaterThanOrEqual(endsAt);
    // Within milliseconds at a quiet machine; here two browsers have to hear of it on a busy one.
    expect(Math.max(...toldAt) - endsAt).toBeLessThan(10_000);
    for (const person of [fay, ann]) {
      await eventually(
        `${person.name} has no connection`,
        async () => (await person.peerConnections()).open === 0,
      );
    }
    await fay.join(links.facilitator_url, "Join");
    await eventually("the facilitator link is dead, too", async () =>
      fay.messages<{ code: string }>("error").some((error) => error.code === "ended"),
    );
  });
});
