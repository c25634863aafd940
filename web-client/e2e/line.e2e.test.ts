// The own line in real browsers: what is told of it and to whom, and less video by choice, in both directions.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Statistics } from "../src/protocol/generated.ts";
import { Person } from "./support/person.ts";
import { documentedQueries, Prometheus } from "./support/prometheus.ts";
import { eventually, HearkenServer, pause } from "./support/server.ts";

describe("two people in a call", () => {
  let server: HearkenServer;
  let fay: Person;
  let ben: Person;
  let session = "";

  beforeAll(async () => {
    server = await HearkenServer.start();
    const links = await server.createSession({ name: "Line", captions: false, waiting_room: false });
    session = links.session_id;
    fay = await Person.launch("Fay");
    ben = await Person.launch("Ben");
    await fay.join(links.facilitator_url, "Join");
    await fay.waitUntilInCall();
    await ben.join(links.member_url, "Ask to join");
    await ben.waitUntilInCall();
    for (const person of [fay, ben]) {
      await person.toggle("Microphone", true);
      await person.toggle("Camera", true);
    }
    // Large enough for Fay's largest layer to be watched.
    await ben.page.setViewportSize({ width: 1600, height: 1200 });
    await pin(ben, "Fay", true);
  });

  afterAll(async () => {
    await fay?.close();
    await ben?.close();
    await server?.stop();
  });

  test("each hears how their own line is, and sees it in a word", async () => {
    const told = await eventually(
      "figures of Ben's line with Fay's picture in them",
      async () => {
        const last = ben.messages<Statistics>("statistics").at(-1);
        const isOthers = (participant: string) => participant !== own(ben);
        const picture = last?.streams.find(
          ({ participant, source }) => source === "camera" && isOthers(participant),
        );
        if (picture === undefined || last === undefined || last.round_trip_ms === null) return false;
        // A line on this very machine: what is told of it is good, once it is not too busy with beginning.
        const isGood = last.receiving.loss_permille < 30 && last.round_trip_ms < 1000;
        return isGood && Number(last.bandwidth_bps) > 0 && picture.bitrate_bps > 20_000 && last;
      },
      60_000,
    );
    expect(
      told.streams.some(({ participant, source }) => participant === own(ben) && source === "camera"),
    ).toBe(true);
    await ben.page.getByRole("button", { name: /^Connection: / }).waitFor();
    await eventually(
      "readings in the metrics",
      async () => (await server.metric("hearken_sfu_line_round_trip_seconds_count")) > 0,
    );
    expect(await server.metric("hearken_sfu_line_readings_total")).toBeGreaterThan(0);
  });

  test("an operator's Prometheus answers what the documentation asks, and tells nobody apart", async () => {
    const prometheus = await Prometheus.start(server.metricsPort);
    try {
      const asked = [
        ...documentedQueries(),
        "histogram_quantile(0.95, sum by (le) (rate(hearken_sfu_forwarding_seconds_bucket[1m])))",
        "histogram_quantile(0.5, sum by (le) (rate(hearken_sfu_line_round_trip_seconds_bucket[1m])))",
      ];
      expect(asked.length).toBeGreaterThan(4);
      for (const query of asked) {
        // A rate needs two readings between which something happened.
        await eventually(
          `an answer to ${query}`,
          async () => {
            const [only, ...others] = await prometheus.query(query);
            return others.length === 0 && Number.isFinite(Number(only?.value[1] ?? "none"));
          },
          30_000,
        );
      }
      await eventually(
        "the rate of a call",
        async () => Number((await prometheus.query(asked[0] ?? "")).at(0)?.value[1]) > 20,
        30_000,
      );
      const everything = JSON.stringify(await prometheus.query('{job="hearken"}'));
      for (const secret of [own(fay), own(ben), session, "Fay", "Ben", "Line"]) {
        expect(secret).not.toBe("");
        expect(everything).not.toContain(`"${secret}"`);
      }
    } finally {
      await prometheus.stop();
    }
  });

  test("low data takes one's own large layer away without another offer, and full brings it back", async () => {
    const { made } = await fay.peerConnections();
    await eventually("the large layer goes out", () => grows(fay, "f"), 60_000);
    await choose(fay, "Low data");
    await eventually("the large layer goes out no more", async () => !(await grows(fay, "f")), 30_000);
    await eventually("the small one still does", () => grows(fay, "q"), 30_000);
    await choose(fay, "Full");
    await eventually("the large layer is back", () => grows(fay, "f"), 30_000);
    expect(await fay.peerConnections()).toMatchObject({ made });
  });

  test("audio only ends pictures and keeps the sound, and pictures come back", async () => {
    await eventually("Ben sees Fay", () => decodes(ben), 30_000);
    await choose(ben, "Audio only");
    await eventually("no picture arrives", async () => !(await decodes(ben)), 30_000);
    await ben.tile("Fay").getByText("Audio only").waitFor();
    const heard = await energy(ben);
    await eventually("Ben hears Fay", async () => (await energy(ben)) > heard, 30_000);
    await eventually("Fay sends no pictures to nobody", async () => !(await grows(fay, "q")), 60_000);
    await ben.button("Show pictures").click();
    await eventually("Ben sees Fay again", () => decodes(ben), 30_000);
  });

  test("a large layer that nobody watches is not sent, and comes at once when somebody does", async () => {
    await eventually("Fay's large layer goes out", () => grows(fay, "f"), 60_000);
    await pin(ben, "Fay", false);
    await ben.page.setViewportSize({ width: 500, height: 700 });
    await eventually("the large layer goes out no more", async () => !(await grows(fay, "f")), 60_000);
    await eventually("the small one still does", () => grows(fay, "q"), 30_000);
    await ben.page.setViewportSize({ width: 1600, height: 1200 });
    await pin(ben, "Fay", true);
    const before = await encoded(fay, "f");
    // A key frame later at a quiet machine; here the machine is busy.
    await eventually("the large layer is back", async () => (await encoded(fay, "f")) > before, 15_000);
  });
});

function own(person: Person): string {
  return person.messages<{ participant: string }>("welcome").at(-1)?.participant ?? "";
}

async function choose(person: Person, mode: string): Promise<void> {
  await person.button("Device settings").click();
  const dialog = person.page.getByRole("dialog", { name: "Device settings" });
  await dialog.getByRole("radiogroup", { name: "How much video" }).getByText(mode, { exact: true }).click();
  await dialog.getByRole("button", { name: "Close" }).click();
  await dialog.waitFor({ state: "detached" });
}

/** Puts somebody in front, or back. */
async function pin(person: Person, name: string, pinned: boolean): Promise<void> {
  await person.tile(name).hover();
  await person.button(`Options for ${name}`).click();
  await person.page.getByRole("menuitemcheckbox", { name: /^Pin/ }).click();
  await eventually(
    `${name} is in front: ${pinned}`,
    async () => (await person.tile(name).textContent())?.includes("pinned by you") === pinned,
  );
}

/** Whether the encoder of a layer does anything within a second and a half. */
async function grows(person: Person, rid: string): Promise<boolean> {
  const before = await encoded(person, rid);
  await pause(1500);
  return (await encoded(person, rid)) > before;
}

async function encoded(person: Person, rid: string): Promise<number> {
  return (await person.streams("outbound-rtp")).find((one) => one.rid === rid)?.framesEncoded ?? 0;
}

/** Whether any picture is decoded within a second and a half. */
async function decodes(person: Person): Promise<boolean> {
  const frames = async () =>
    (await person.streams("inbound-rtp")).reduce((sum, one) => sum + one.framesDecoded, 0);
  const before = await frames();
  await pause(1500);
  return (await frames()) > before;
}

async function energy(person: Person): Promise<number> {
  return (await person.streams("inbound-rtp")).reduce((sum, one) => sum + one.totalAudioEnergy, 0);
}
