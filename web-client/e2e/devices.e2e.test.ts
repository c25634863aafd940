// Devices that are refused or pulled out, and a browser that holds back sound.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { recording } from "./support/fixtures.ts";
import { Person } from "./support/person.ts";
import { eventually, HearkenServer, type Links, PATIENCE_MS } from "./support/server.ts";

/** Runs in the page before its own scripts: tells the test when the browser lets no sound through. */
function tellWhatIsHeldBack(): void {
  const original = HTMLMediaElement.prototype.play;
  HTMLMediaElement.prototype.play = function (this: HTMLMediaElement) {
    const played = original.call(this);
    const { heldBackInThisTest: tell } = globalThis as unknown as { heldBackInThisTest: () => void };
    played.catch((error: Error) => {
      if (error.name === "NotAllowedError") tell();
    });
    return played;
  };
}

describe("devices", () => {
  let server: HearkenServer;
  let links: Links;
  let fay: Person;
  const people: Person[] = [];

  beforeAll(async () => {
    server = await HearkenServer.start();
    links = await server.createSession({ name: "Devices", captions: false, waiting_room: false });
    fay = await Person.launch("Fay", { speech: recording(["0870"]).file });
    people.push(fay);
    await fay.join(links.facilitator_url, "Join");
    await fay.waitUntilInCall();
    await fay.toggle("Microphone", true);
  });

  afterAll(async () => {
    await Promise.all(people.map((person) => person.close()));
    await server.stop();
  });

  test("who is refused camera and microphone is told so, and can still join, see and hear", async () => {
    const ann = await Person.launch("Ann", { refused: true });
    people.push(ann);
    await ann.page.goto(links.member_url);
    await ann.button("Microphone").click();
    await ann.page.getByText("does not let this page use your microphone").first().waitFor();
    await ann.page.getByLabel("Your name").fill("Ann");
    await ann.checkbox("I agree to the group guidelines").check({ force: true });
    await ann.button("Ask to join").click();
    await ann.waitUntilInCall();
    await eventually("Ann hears Fay", async () =>
      (await ann.streams("inbound-rtp")).some((one) => one.kind === "audio" && one.totalAudioEnergy > 0.001),
    );
  });

  test("a microphone pulled out in mid-call is explained, off for the others, and can be replaced", async () => {
    const ben = await Person.launch("Ben", { speech: recording(["0880"]).file });
    people.push(ben);
    await ben.join(links.member_url, "Ask to join");
    await ben.waitUntilInCall();
    await ben.toggle("Microphone", true);
    await ben.unplug("audio");
    await ben.page.getByText("microphone was unplugged").first().waitFor();
    expect(await ben.button("Microphone").getAttribute("aria-pressed")).toBe("false");
    await eventually("the others know", async () =>
      fay
        .messages<{ name: string; microphone: string }>("participant")
        .findLast((one) => one.name === "Ben")
        ?.microphone.startsWith("off"),
    );
    await ben.toggle("Microphone", true);
    await eventually(
      "the others know",
      async () =>
        fay
          .messages<{ name: string; microphone: string }>("participant")
          .findLast((one) => one.name === "Ben")?.microphone === "on",
    );
  });

  test('after a reload the browser holds back sound, and "Tap to hear the group" lets it through', async () => {
    const cleo = await Person.launch("Cleo", { soundNeedsGesture: true });
    people.push(cleo);
    await cleo.join(links.member_url, "Ask to join");
    await cleo.waitUntilInCall();
    // Looking into the page counts as a gesture of the person, so nothing does until the sound was tried: the page says so
    // by itself.
    let isHeldBack = false;
    await cleo.context.exposeFunction("heldBackInThisTest", () => {
      isHeldBack = true;
    });
    await cleo.context.addInitScript(tellWhatIsHeldBack);
    await cleo.page.reload();
    await eventually("the browser holds the sound back", async () => isHeldBack);
    const tap = cleo.button("Tap to hear the group");
    await tap.waitFor({ timeout: PATIENCE_MS });
    await tap.click();
    await tap.waitFor({ state: "detached" });
    await eventually("Cleo hears Fay", async () =>
      (await cleo.streams("inbound-rtp")).some((one) => one.kind === "audio" && one.totalAudioEnergy > 0.001),
    );
  });
});
