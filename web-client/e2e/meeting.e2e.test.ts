// The story of a group: they meet, wait, are let in or not, see and hear each other, are kept safe, and the end is
// the end. Real browsers, real server, nothing in between.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BLUE, camera, GREEN, RED, recording } from "./support/fixtures.ts";
import { Person } from "./support/person.ts";
import { eventually, HearkenServer, type Links, pause } from "./support/server.ts";

describe("a group meets", () => {
  let server: HearkenServer;
  let links: Links;
  let fay: Person;
  let ann: Person;
  let ben: Person;
  let cleo: Person;
  const everybody: Person[] = [];

  beforeAll(async () => {
    server = await HearkenServer.start();
    links = await server.createSession({ name: "Tuesday circle", captions: false });
    fay = await Person.launch("Fay", { camera: camera(RED), speech: recording(["0880"]).file });
    ann = await Person.launch("Ann", { camera: camera(GREEN), speech: recording(["0890"]).file });
    ben = await Person.launch("Ben");
    cleo = await Person.launch("Cleo", { camera: camera(BLUE), speech: recording(["0930"]).file });
    everybody.push(fay, ann, ben, cleo);
  });

  afterAll(async () => {
    await Promise.all(everybody.map((person) => person.close()));
    await server.stop();
  });

  test("the facilitator comes in without waiting", async () => {
    await fay.join(links.facilitator_url, "Join");
    await fay.waitUntilInCall();
    await fay.region("Waiting room").waitFor();
    await fay.region("People").waitFor();
  });

  test("members wait, and whoever waits has no media transport and learns no names", async () => {
    await ann.join(links.member_url, "Ask to join");
    await ben.join(links.member_url, "Ask to join");
    await fay.button("Admit Ann").waitFor();
    await fay.button("Admit Ben").waitFor();
    await eventually("Ann is told that she waits", async () => ann.messages("waiting").length > 0);
    await pause(1000);
    for (const waiting of [ann, ben]) {
      expect(await waiting.peerConnections()).toEqual({ made: 0, open: 0 });
      expect(JSON.stringify(waiting.received)).not.toContain("Fay");
      expect(await waiting.page.locator("body").innerText()).not.toContain("Fay");
    }
    expect(JSON.stringify(ann.received)).not.toContain("Ben");
    expect(JSON.stringify(ben.received)).not.toContain("Ann");
  });

  test("one is admitted, one is denied", async () => {
    await fay.button("Admit Ann").click();
    await ann.waitUntilInCall();
    await fay.button("Deny Ben").click();
    await eventually("Ben is told", async () => ben.messages("denied").length > 0);
    expect(await ben.peerConnections()).toEqual({ made: 0, open: 0 });
    expect(JSON.stringify(ben.received)).not.toContain("Fay");
  });

  test('a third joins by "Admit all", and everybody sees and hears everybody', async () => {
    await cleo.join(links.member_url, "Ask to join");
    await fay.button("Admit Cleo").waitFor();
    await fay.button("Admit all").click();
    await cleo.waitUntilInCall();
    for (const person of [fay, ann, cleo]) {
      await person.toggle("Microphone", true);
      await person.toggle("Camera", true);
    }
    for (const receiver of [fay, ann, cleo]) {
      for (const sender of [fay, ann, cleo]) {
        await receiver.tile(sender.name).waitFor();
      }
      await eventually(
        `${receiver.name} decodes two pictures and two voices`,
        async () => {
          const streams = await receiver.streams("inbound-rtp");
          const pictures = streams.filter((one) => one.kind === "video" && one.framesDecoded > 5);
          const voices = streams.filter((one) => one.kind === "audio" && one.totalAudioEnergy > 0.001);
          return pictures.length === 2 && voices.length === 2;
        },
        60_000,
      );
    }
  });

  test("the tiles show who speaks", async () => {
    // Sentences are padded with silence: the sign comes and goes, on the tile of whoever is heard.
    await cleo.page.locator('[role="group"][data-speaking]').and(cleo.tile("Ann")).waitFor();
    await ann.page.locator('[role="group"][data-speaking]').and(ann.tile("Cleo")).waitFor();
  });

  test('"Mute Ann" stops the audio packets at the receivers, and Ann may unmute herself', async () => {
    const before = await audioPacketsByMid(cleo);
    const mid = midOf(cleo, "Ann", "microphone");
    await eventually(
      "Ann is heard",
      async () => ((await audioPacketsByMid(cleo)).get(mid) ?? 0) > (before.get(mid) ?? 0),
    );
    await fay.button("Mute Ann").click();
    await eventually("Ann is told", async () => ann.messages("muted").length > 0);
    // Even in silence a microphone that is on sends every 400 ms.
    let muted: number | undefined;
    await eventually("no more of her sound comes", async () => {
      muted = (await audioPacketsByMid(cleo)).get(mid);
      await pause(2000);
      return (await audioPacketsByMid(cleo)).get(mid) === muted;
    });
    await ann.toggle("Microphone", true);
    await eventually(
      "Ann is heard again",
      async () => ((await audioPacketsByMid(cleo)).get(mid) ?? 0) > (muted ?? 0) + 20,
    );
  });

  test("locked microphones stay off until asked, then the asked may speak", async () => {
    await fay.button("Lock microphones").click();
    await fay.button("Mute everyone").click();
    await eventually(
      "Cleo is muted",
      async () => (await cleo.button("Microphone").getAttribute("aria-pressed")) === "false",
    );
    await cleo
      .button("Microphone")
      .click({ force: true, timeout: 2000 })
      .catch(() => undefined);
    await pause(500);
    expect(await cleo.button("Microphone").getAttribute("aria-pressed")).toBe("false");
    await fay.button("Ask Cleo to unmute").click();
    await eventually("Cleo is asked", async () => cleo.messages("unmute_requested").length > 0);
    expect(await cleo.button("Microphone").getAttribute("aria-pressed")).toBe("false");
    await cleo.toggle("Microphone", true);
    await fay.button("Lock microphones").click();
  });

  test("hands go up and are lowered", async () => {
    await ann.toggle("Raise hand", true);
    await fay.button("Lower hand of Ann").click();
    await eventually(
      "the hand is down",
      async () => (await ann.button("Raise hand").getAttribute("aria-pressed")) === "false",
    );
  });

  test('"Stop camera of Cleo" stops her picture at the receivers', async () => {
    const mid = midOf(ann, "Cleo", "camera");
    await fay.button("Stop camera of Cleo").click();
    await eventually("Cleo is told", async () => cleo.messages("camera_stopped").length > 0);
    await eventually("no more of her picture comes", async () => {
      const stopped = await videoPackets(ann, mid);
      await pause(1500);
      return (await videoPackets(ann, mid)) === stopped;
    });
  });

  test("a shared screen reaches the others with its sound", async () => {
    await ann.toggle("Microphone", false);
    await ann.toggle("Share screen", true);
    await eventually(
      "Cleo decodes the screen",
      async () => {
        const mid = midOf(cleo, "Ann", "screen");
        return (await cleo.streams("inbound-rtp")).some((one) => one.mid === mid && one.framesDecoded > 0);
      },
      30_000,
    );
    // Ann's microphone is off: what Cleo hears of her is the screen.
    const heard = async () => {
      const mid = midOf(cleo, "Ann", "screen_audio");
      const sound = (await cleo.streams("inbound-rtp")).find((one) => one.mid === mid);
      return sound?.totalAudioEnergy ?? 0;
    };
    const before = await eventually("a slot for the screen's sound", heard, 30_000);
    await eventually("Cleo hears the screen", async () => (await heard()) > before + 0.001, 30_000);
    expect(await contentHints(ann)).toEqual(expect.arrayContaining(["detail", "music"]));
  });

  test("a facilitator's screen stands beside a member's, and each ends by itself", async () => {
    await fay.toggle("Share screen", true);
    const owners = ["Fay", "Ann"];
    for (const name of owners) await cleo.tile(`Screen of ${name}`).waitFor();
    const decoded = async (name: string) => {
      const mid = midOf(cleo, name, "screen");
      return (await cleo.streams("inbound-rtp")).find((one) => one.mid === mid)?.framesDecoded ?? 0;
    };
    const before = new Map<string, number>();
    for (const name of owners) {
      const shown = () => decoded(name).catch(() => 0);
      before.set(name, await eventually(`Cleo decodes the screen of ${name}`, shown, 30_000));
    }
    expect(midOf(cleo, "Fay", "screen")).not.toBe(midOf(cleo, "Ann", "screen"));
    for (const name of owners) {
      const goesOn = async () => (await decoded(name)) > (before.get(name) ?? 0);
      await eventually(`the screen of ${name} goes on beside the other`, goesOn, 30_000);
    }
    await fay.toggle("Share screen", false);
    await eventually("Fay's tile is gone", async () => (await cleo.tile("Screen of Fay").count()) === 0);
    const left = await decoded("Ann");
    await eventually("Ann's goes on", async () => (await decoded("Ann")) > left, 30_000);
    await ann.toggle("Share screen", false);
  });

  test("a locked session lets nobody new in", async () => {
    await fay.button("Lock session").click();
    const dora = await Person.launch("Dora");
    everybody.push(dora);
    await dora.join(links.member_url, "Ask to join");
    await eventually("Dora is refused", async () =>
      dora.messages<{ code: string }>("error").some((error) => error.code === "session_locked"),
    );
    await fay.button("Lock session").click();
  });

  test("a removed person is out", async () => {
    await fay.button("Remove Cleo").click();
    await fay.page
      .getByRole("alertdialog")
      .getByRole("button", { name: /^Remove/ })
      .click();
    await eventually("Cleo is told", async () => cleo.messages("removed").length > 0);
    await eventually("her connection is closed", async () => (await cleo.peerConnections()).open === 0);
    await eventually("her tile is gone", async () => (await ann.tile("Cleo").count()) === 0);
  });

  test('"End session" closes every peer connection, and the old links answer that it is over', async () => {
    await fay.button("End session for everyone").click();
    await fay.button("End session").click();
    for (const person of [fay, ann]) {
      await eventually(`${person.name} is told`, async () => person.messages("ended").length > 0);
      await eventually(
        `${person.name} has no connection`,
        async () => (await person.peerConnections()).open === 0,
      );
    }
    await ben.join(links.member_url, "Ask to join");
    await eventually("the old link is dead", async () =>
      ben.messages<{ code: string }>("error").some((error) => error.code === "ended"),
    );
    const state = await server.api("GET", `/api/v1/sessions/${links.session_id}`);
    expect(state.status).toBe(200);
  });

  test("no page wrote an error to its console", () => {
    for (const person of everybody) {
      expect(person.consoleErrors, person.name).toEqual([]);
    }
  });
});

interface SlotMessage {
  readonly mid: string;
  readonly content: { readonly participant: string; readonly source: string } | null;
}

/** The section of `receiver`'s peer connection that carries this source of the person of that name now. */
function midOf(receiver: Person, name: string, source: string): string {
  const people = receiver
    .messages<{ participants: { participant: string; name: string }[] }>("admitted")
    .flatMap((snapshot) => snapshot.participants)
    .concat(receiver.messages<{ participant: string; name: string }>("participant"));
  const participant = people.findLast((one) => one.name === name)?.participant;
  const slots = new Map<string, SlotMessage>();
  for (const slot of receiver.messages<SlotMessage>("slot")) {
    slots.set(slot.mid, slot);
  }
  const found = [...slots.values()].find(
    (slot) => slot.content?.participant === participant && slot.content?.source === source,
  );
  if (found === undefined) {
    throw new Error(`${receiver.name} has no slot for the ${source} of ${name}`);
  }
  return found.mid;
}

async function audioPacketsByMid(receiver: Person): Promise<Map<string, number>> {
  const streams = await receiver.streams("inbound-rtp");
  return new Map(streams.filter((one) => one.kind === "audio").map((one) => [one.mid ?? "", one.packets]));
}

async function videoPackets(receiver: Person, mid: string): Promise<number> {
  return (await receiver.streams("inbound-rtp")).find((one) => one.mid === mid)?.packets ?? 0;
}

/** What a person's encoders are told about the tracks that they are given. */
function contentHints(person: Person): Promise<string[]> {
  return person.page.evaluate(() => {
    const { peerConnectionsOfThisTest: made } = globalThis as unknown as {
      peerConnectionsOfThisTest: RTCPeerConnection[];
    };
    const tracks =
      made
        .at(-1)
        ?.getSenders()
        .map(({ track }) => track) ?? [];
    return tracks.flatMap((track) => (track === null ? [] : [track.contentHint]));
  });
}
