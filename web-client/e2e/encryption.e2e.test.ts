// Media that browsers encrypt end to end pass through the server as they are: whoever has the key sees and hears,
// whoever has another one does not, and neither does the server.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type DecryptionCounts, encryptEverything, sayThatItIsEncrypted } from "./support/encryption.ts";
import { GREEN, portrait } from "./support/fixtures.ts";
import { Person } from "./support/person.ts";
import { eventually, HearkenServer } from "./support/server.ts";

const OURS = "0123456789abcdef0123456789abcdef";
const ANOTHER = "fedcba9876543210fedcba9876543210";

describe("media encrypted by encoded transform", () => {
  let server: HearkenServer;
  let ann: Person;
  let bob: Person;
  let cleo: Person;

  beforeAll(async () => {
    server = await HearkenServer.start();
    const links = await server.createSession({ name: "Private", captions: false, waiting_room: false });
    // A small camera: three browsers on two cores.
    const equipment = { camera: portrait(GREEN) };
    [ann, bob, cleo] = await Promise.all([
      Person.launch("Ann", equipment),
      Person.launch("Bob", equipment),
      Person.launch("Cleo", equipment),
    ]);
    for (const [person, key] of [
      [ann, OURS],
      [bob, OURS],
      [cleo, ANOTHER],
    ] as const) {
      await person.page.addInitScript(encryptEverything, key);
      // Cleo keeps it to herself.
      if (person !== cleo) {
        await person.page.addInitScript(sayThatItIsEncrypted);
      }
      await person.join(
        person === ann ? links.facilitator_url : links.member_url,
        person === ann ? "Join" : "Ask to join",
      );
      await person.waitUntilInCall();
    }
    for (const person of [bob, cleo]) {
      await person.toggle("Microphone", false);
      await person.toggle("Camera", false);
    }
    await ann.toggle("Microphone", true);
    await ann.toggle("Camera", true);
  });

  afterAll(async () => {
    await Promise.all([ann, bob, cleo].map((person) => person?.close()));
    await server?.stop();
  });

  test("is seen and heard by whoever has the key, in every layer", async () => {
    const pictures = await eventually(
      "Bob sees and hears Ann",
      async () => {
        const arriving = await bob.streams("inbound-rtp");
        // In full: it may begin smaller.
        const video = arriving.find(
          (one) => one.kind === "video" && one.framesDecoded > 15 && one.frameWidth >= 500,
        );
        const audio = arriving.find((one) => one.kind === "audio" && one.totalAudioEnergy > 0);
        return video !== undefined && audio !== undefined && video;
      },
      60_000,
    );
    // A tile of another size gets another layer, which begins with a key frame that the server has to notice.
    await bob.page.addStyleTag({
      content: "video { max-width: 112px !important; max-height: 63px !important }",
    });
    await eventually(
      "Bob sees another layer",
      async () => {
        const video = (await bob.streams("inbound-rtp")).find((one) => one.mid === pictures.mid);
        return (
          video !== undefined &&
          video.frameWidth !== pictures.frameWidth &&
          video.framesDecoded > pictures.framesDecoded + 5
        );
      },
      60_000,
    );
    await eventually("much of it was opened", async () => {
      const { video, audio } = await counted(bob);
      return video.opened > 15 && audio.opened > 50;
    });
  });

  test("has no redundant audio if its sender says so, whatever is offered", async () => {
    const hasRed = (person: Person) =>
      person.page.evaluate(() => {
        const { peerConnectionsOfThisTest: made } = globalThis as unknown as {
          peerConnectionsOfThisTest: RTCPeerConnection[];
        };
        const newest = made.at(-1);
        return [newest?.localDescription, newest?.remoteDescription].map((description) =>
          description?.sdp.includes(" red/48000"),
        );
      });
    expect(await hasRed(ann)).toEqual([true, false]);
    expect(await hasRed(bob)).toEqual([true, false]);
    expect(await hasRed(cleo)).toEqual([true, true]);
  });

  test("is nothing to whoever has not", async () => {
    const counts = await eventually("much of it has reached Cleo", async () => {
      const now = await counted(cleo);
      const streams = await cleo.streams("inbound-rtp");
      const isSeen = streams.some((one) => one.kind === "video" && one.packets > 20);
      return now.video.refused > 5 && now.audio.refused > 50 && isSeen && now;
    });
    expect(counts.video.opened + counts.audio.opened).toBe(0);
    const arriving = await cleo.streams("inbound-rtp");
    expect(arriving.every((one) => one.framesDecoded === 0)).toBe(true);
    expect(arriving.every((one) => one.totalAudioEnergy === 0)).toBe(true);
  });
});

function counted(person: Person): Promise<DecryptionCounts> {
  return person.page.evaluate(() => decryptionOfThisTest);
}
