// The pictures of a real call that the README shows: made only when HEARKEN_SCREENSHOTS names a folder for them.

import { join } from "node:path";
import { describe, test } from "vitest";
import { portrait, recording } from "./support/fixtures.ts";
import { Person } from "./support/person.ts";
import { eventually, HearkenServer, pause } from "./support/server.ts";

const folder = process.env.HEARKEN_SCREENSHOTS;

describe.runIf(folder !== undefined)("pictures of a call", () => {
  test("as a facilitator on a laptop and a member on a phone see it", async () => {
    const server = await HearkenServer.start();
    const links = await server.createSession({ name: "Tuesday circle", waiting_room: true });
    const fay = await Person.launch("Fay", { camera: portrait({ name: "sage", y: 120, u: 118, v: 118 }) });
    const people = [fay];
    const screenshot = (person: Person, name: string) => person.screenshot(join(folder ?? "", name));
    try {
      await screenshotOfStart(fay, server, (name) => screenshot(fay, name));
      await fay.page.goto(links.facilitator_url);
      await pause(1500);
      await screenshot(fay, "join.png");
      await fay.join(links.facilitator_url, "Join");
      await fay.waitUntilInCall();
      await fay.toggle("Camera", true);
      for (const [name, wall, sentences] of [
        ["Ann", { name: "sand", y: 165, u: 112, v: 138 }, ["0870", "0880"]],
        ["Marlow", { name: "slate", y: 95, u: 138, v: 120 }, ["0920"]],
        ["Joe", undefined, ["0930", "0890"]],
      ] as const) {
        const person = await Person.launch(name, {
          speech: recording(sentences, 4000).file,
          ...(wall === undefined ? {} : { camera: portrait(wall) }),
        });
        people.push(person);
        await person.page.setViewportSize({ width: 390, height: 844 });
        await person.join(links.member_url, "Ask to join");
        await fay.button(`Admit ${name}`).waitFor();
        await screenshot(person, `waiting-${name}.png`);
        await fay.button(`Admit ${name}`).click();
        await person.waitUntilInCall();
        await person.toggle("Camera", wall !== undefined);
        await person.toggle("Microphone", name !== "Joe");
      }
      const last = people[3] as Person;
      await last.toggle("Raise hand", true);
      const rhea = await Person.launch("Rhea");
      people.push(rhea);
      await rhea.join(links.member_url, "Ask to join");
      await fay.button("Admit Rhea").waitFor();
      await fay.page.setViewportSize({ width: 1280, height: 800 });
      const entries = fay.region("Live captions").locator("[data-state]");
      await eventually("captions of two people", async () => (await entries.count()) >= 2, 60_000);
      // Notices lie over the tiles for a while.
      await eventually("no notice", async () => (await fay.page.locator(".toast").count()) === 0, 30_000);
      await fay.region("Live captions").hover();
      await pause(1500);
      await screenshot(fay, "call.png");
      await screenshot(last, "call-phone.png");
      await fay.page.setViewportSize({ width: 390, height: 844 });
      await pause(800);
      await screenshot(fay, "call-phone-facilitator.png");
      await fay.page.keyboard.press("Escape");
      await fay.button("Caption history").click();
      await pause(800);
      await screenshot(fay, "history-phone.png");
      await fay.page.keyboard.press("Escape");
      await fay.page.setViewportSize({ width: 1280, height: 800 });
      await server.api("DELETE", `/api/v1/sessions/${links.session_id}`);
      await eventually("the end", async () => fay.messages("ended").length > 0);
      await pause(800);
      await screenshot(fay, "ended.png");
    } finally {
      await Promise.all(people.map((person) => person.close()));
      await server.stop();
    }
  });
});

async function screenshotOfStart(
  person: Person,
  server: HearkenServer,
  take: (name: string) => Promise<void>,
): Promise<void> {
  await person.page.goto(server.origin);
  await person.page.getByLabel("Session name").fill("Tuesday circle");
  await take("start.png");
}
