// Pictures: all layers of a publisher arrive, and nobody is ever seen under another's name.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Statistics } from "../src/protocol/generated.ts";
import { BLUE, type Colour, camera, GREEN, RED } from "./support/fixtures.ts";
import { Person } from "./support/person.ts";
import { eventually, HearkenServer, pause } from "./support/server.ts";

describe("a publisher who is watched at several sizes", () => {
  test("sends all three layers at once, and the server receives them", async () => {
    const server = await HearkenServer.start();
    const links = await server.createSession({ name: "Layers", captions: false, waiting_room: false });
    const fay = await Person.launch("Fay");
    const ben = await Person.launch("Ben");
    const cleo = await Person.launch("Cleo");
    try {
      await fay.join(links.facilitator_url, "Join");
      await fay.waitUntilInCall();
      for (const guest of [ben, cleo]) {
        await guest.join(links.member_url, "Ask to join");
        await guest.waitUntilInCall();
      }
      await fay.toggle("Camera", true);
      // Cleo's tiles are about 300 pixels high, for the middle layer; the smallest is always sent.
      await cleo.tile("Fay").waitFor();
      await ben.page.setViewportSize({ width: 1600, height: 1200 });
      await ben.tile("Fay").hover();
      await ben.button("Options for Fay").click();
      await ben.page.getByRole("menuitemcheckbox", { name: /^Pin/ }).click();
      await eventually(
        "all three are sent in two seconds, and the server tells that all three flow",
        async () => {
          const before = await framesSent(fay);
          await pause(STATISTICS_MS);
          const after = await framesSent(fay);
          const told = fay.messages<Statistics>("statistics").at(-1);
          return (
            layersArriving(told).join() === "0,1,2" && LAYERS.every((rid) => grown(before, after, rid) > 0)
          );
        },
        120_000,
      );
    } finally {
      await Promise.all([fay, ben, cleo].map((person) => person.close()));
      await server.stop();
    }
  });
});

const LAYERS = ["q", "h", "f"] as const;
/** How often the server tells. */
const STATISTICS_MS = 2000;
/** A layer that flows at all; one that has just stopped is still a few bits. */
const FLOWING_BPS = 10_000;

/** Of one's own camera, as the server measured them over the same two seconds. */
function layersArriving(told: Statistics | undefined): number[] {
  const flowing = told?.streams.filter(
    ({ source, layer, bitrate_bps }) => source === "camera" && layer !== null && bitrate_bps > FLOWING_BPS,
  );
  return (flowing ?? []).map(({ layer }) => layer ?? -1).sort();
}

async function framesSent(person: Person): Promise<ReadonlyMap<string, number>> {
  const streams = await person.statistics("outbound-rtp");
  return new Map(streams.map(({ rid, framesSent: frames }) => [String(rid), Number(frames ?? 0)]));
}

function grown(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>, rid: string): number {
  return (after.get(rid) ?? 0) - (before.get(rid) ?? 0);
}

describe("slots that change hands", () => {
  let server: HearkenServer;
  const people: Person[] = [];

  beforeAll(async () => {
    server = await HearkenServer.start();
  });

  afterAll(async () => {
    await Promise.all(people.map((person) => person.close()));
    await server.stop();
  });

  test("never show one person under the name of another", async () => {
    const colours = new Map<string, Colour>([
      ["Ann", GREEN],
      ["Cleo", BLUE],
      ["Dora", RED],
      ["Ella", GREEN],
    ]);
    // Two seats and so two pairs for the watcher: the third guest must get a pair that somebody had before.
    const links = await server.createSession({
      name: "Slots",
      captions: false,
      waiting_room: false,
      capacity: 2,
    });
    const fay = await Person.launch("Fay");
    people.push(fay);
    await fay.join(links.facilitator_url, "Join");
    await fay.waitUntilInCall();
    await fay.page.evaluate(watchColours);
    for (const [name, colour] of colours) {
      const guest = await Person.launch(name, { camera: camera(colour) });
      await guest.join(links.member_url, "Ask to join");
      await guest.waitUntilInCall();
      await guest.toggle("Camera", true);
      await eventually(
        `Fay sees ${name}`,
        async () => ((await seen(fay))[name]?.[colour.name] ?? 0) > 5,
        60_000,
      );
      await pause(500);
      await guest.button("Leave").click();
      await eventually("the tile is gone", async () => (await fay.tile(name).count()) === 0);
      await guest.close();
    }
    for (const [name, counts] of Object.entries(await seen(fay))) {
      const colour = colours.get(name);
      if (colour !== undefined) {
        expect(Object.keys(counts), name).toEqual([colour.name]);
      }
    }
    const generations = fay.messages<{ generation: number }>("slot").map((slot) => slot.generation);
    expect(Math.max(...generations)).toBeGreaterThan(1);
  });
});

type Seen = Record<string, Record<string, number>>;

function seen(person: Person): Promise<Seen> {
  return person.page.evaluate(() => (globalThis as unknown as { coloursSeen: Seen }).coloursSeen);
}

/**
 * Runs in the page: at every frame that is painted, notes which colour each uncovered video shows and under which
 * name. A video counts as uncovered when it, or what lies above it, lets it be seen.
 */
function watchColours(): void {
  const counts: Seen = {};
  Object.assign(globalThis, { coloursSeen: counts });
  const canvas = document.createElement("canvas");
  canvas.width = 4;
  canvas.height = 4;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const look = (): void => {
    for (const tile of document.querySelectorAll<HTMLElement>(
      '[role="group"][aria-label], [role="group"][aria-labelledby]',
    )) {
      const labelledBy = tile.getAttribute("aria-labelledby");
      const name =
        tile.getAttribute("aria-label") ?? document.getElementById(labelledBy ?? "")?.textContent ?? "";
      const video = tile.querySelector("video");
      if (
        video === null ||
        context === null ||
        video.readyState < 2 ||
        !video.checkVisibility({ opacityProperty: true, visibilityProperty: true })
      ) {
        continue;
      }
      context.drawImage(video, 0, 0, 4, 4);
      const [red = 0, green = 0, blue = 0] = context.getImageData(1, 1, 1, 1).data;
      const most = Math.max(red, green, blue);
      if (most < 60) {
        continue;
      }
      const colour = most === red ? "red" : most === green ? "green" : "blue";
      const ofName = counts[name.trim()] ?? {};
      counts[name.trim()] = ofName;
      ofName[colour] = (ofName[colour] ?? 0) + 1;
    }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}
