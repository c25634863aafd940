// Firefox ESR in a call with Chromium: pictures and sound both ways, and Chromium's words read in Firefox.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FirefoxPerson } from "./support/firefox.ts";
import { camera, normalise, RED, recording, shareOfWordsHeard } from "./support/fixtures.ts";
import { Person } from "./support/person.ts";
import { eventually, HearkenServer } from "./support/server.ts";

const SPEECH = recording(["0870", "0880"]);

describe("Firefox and Chromium", () => {
  let server: HearkenServer | undefined;
  let ann: Person;
  let fox: FirefoxPerson;

  beforeAll(async () => {
    server = await HearkenServer.start();
    const links = await server.createSession({ name: "Two browsers", waiting_room: false });
    ann = await Person.launch("Ann", { camera: camera(RED), speech: SPEECH.file });
    fox = await FirefoxPerson.launch("Finn");
    await ann.join(links.facilitator_url, "Join");
    await ann.waitUntilInCall();
    await fox.join(links.member_url);
    for (const person of [ann, fox]) {
      await person.toggle("Microphone", true);
      await person.toggle("Camera", true);
    }
  });

  afterAll(async () => {
    await Promise.all([ann?.close(), fox?.close()]);
    await server?.stop();
  });

  test("see and hear each other", async () => {
    await eventually(
      "Chromium sees and hears Firefox",
      async () => {
        const streams = await ann.streams("inbound-rtp");
        return (
          streams.some((one) => one.kind === "video" && one.framesDecoded > 30) &&
          streams.some((one) => one.kind === "audio" && one.totalAudioEnergy > 0.001)
        );
      },
      60_000,
    );
    await eventually(
      "Firefox sees and hears Chromium",
      async () => {
        const streams = await fox.statistics("inbound-rtp");
        return (
          streams.some((one) => one.kind === "video" && Number(one.framesDecoded) > 30) &&
          streams.some((one) => one.kind === "audio" && Number(one.totalAudioEnergy) > 0.001)
        );
      },
      60_000,
    );
  });

  test("what is said in Chromium is read in Firefox", async () => {
    const text = await eventually(
      "captions",
      async () => {
        const heard = normalise(await fox.captions());
        return shareOfWordsHeard(SPEECH.words, heard) > 0.6 && heard;
      },
      90_000,
    );
    expect(text.length).toBeGreaterThan(0);
  });
});
