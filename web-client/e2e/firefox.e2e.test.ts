// Firefox ESR in a call with Chromium: pictures and sound both ways, and Chromium's words read in Firefox.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { FirefoxPerson, RETRY } from "./support/firefox.ts";
import { camera, normalise, RED, recording, shareOfWordsHeard } from "./support/fixtures.ts";
import { Person } from "./support/person.ts";
import { eventually, HearkenServer, pause } from "./support/server.ts";

const SPEECH = recording(["0870", "0880"]);

describe("Firefox and Chromium", { retry: RETRY }, () => {
  let server: HearkenServer | undefined;
  let link = "";
  let ann: Person;
  let fox: FirefoxPerson;

  beforeAll(async () => {
    server = await HearkenServer.start();
    const links = await server.createSession({ name: "Two browsers", waiting_room: false });
    link = links.member_url;
    ann = await Person.launch("Ann", { camera: camera(RED), speech: SPEECH.file });
    await ann.join(links.facilitator_url, "Join");
    await ann.waitUntilInCall();
    for (const source of ["Microphone", "Camera"]) await ann.toggle(source, true);
  });

  beforeEach(async () => {
    if (await fox?.isThere()) return;
    await fox?.close();
    fox = await FirefoxPerson.launch("Finn");
    await fox.join(link);
    for (const source of ["Microphone", "Camera"]) await fox.toggle(source, true);
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

  test("Firefox sends a layer that nobody watches as small and cheap as it can, and in full again", async () => {
    // Its full picture, watched by Ann.
    await ann.page.setViewportSize(LARGE);
    const full = await eventually("a full picture", () => largestLayer(fox, (width) => width >= 640), 60_000);
    await ann.page.setViewportSize({ width: 500, height: 700 });
    const least = await eventually(
      "the layer sinks to a sixteenth",
      () => largestLayer(fox, (width) => width <= full.width / 16),
      60_000,
    );
    // It is still sent, for what Firefox sends at the least, and the others go on.
    const cheap = await eventually(
      "it costs little",
      async () => {
        const now = await largestLayer(fox, (width) => width === least.width);
        return now !== undefined && now.kilobits < full.kilobits / 2 && now;
      },
      30_000,
    );
    const others = (await fox.statistics("outbound-rtp")).filter(({ rid }) => rid === "q" || rid === "h");
    expect(others.some(({ frameWidth }) => Number(frameWidth) >= 160)).toBe(true);
    await ann.page.setViewportSize(LARGE);
    await eventually("it is back", () => largestLayer(fox, (width) => width === full.width), 60_000);
    process.stdout.write(
      `Firefox's large layer: ${full.kilobits} kbit/s and ${full.width} pixels wide when watched, ` +
        `${cheap.kilobits} and ${cheap.width} when nobody watches\n`,
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

  // Firefox is never promised the dependency descriptor: it reads VP9 by its payload descriptor, and AV1 in layers it
  // can't be sent at all.
  test.each([
    ["vp9", "video/VP9", /^L[23]T3_KEY$/],
    ["av1", "video/VP8", /^L1T\d$/],
  ] as const)("where %s is wished for Firefox is sent %s", async (setting, codec, mode) => {
    const other = await HearkenServer.start({ HEARKEN_VIDEO_CODEC: setting });
    try {
      const links = await other.createSession({ name: "Codecs", captions: false, waiting_room: false });
      await ann.join(links.facilitator_url, "Join");
      await ann.waitUntilInCall();
      await ann.toggle("Camera", true);
      await fox.page.setViewport(LARGE);
      await fox.join(links.member_url);
      await eventually("a large picture", () => decodes(fox, codec, 500, 1280), 120_000);
      await eventually(`Chromium sends in ${mode}`, async () =>
        (await modes(ann)).some((one) => mode.test(String(one))),
      );
      await fox.page.setViewport({ width: 320, height: 300 });
      await eventually("a small picture", () => decodes(fox, codec, 100, 400), 120_000);
    } finally {
      await other.stop();
    }
  });
});

const LARGE = { width: 1600, height: 1200 };

interface SentLayer {
  readonly width: number;
  readonly kilobits: number;
}

/** Firefox's largest layer, if it is of a fitting width throughout a second. */
async function largestLayer(
  fox: FirefoxPerson,
  fits: (width: number) => boolean,
): Promise<SentLayer | undefined> {
  const look = async () =>
    (await fox.statistics("outbound-rtp")).find(({ kind, rid }) => kind === "video" && rid === "f");
  const before = await look();
  if (!fits(Number(before?.frameWidth))) return undefined;
  await pause(1000);
  const after = await look();
  const bits = 8 * (Number(after?.bytesSent) - Number(before?.bytesSent));
  const milliseconds = Number(after?.timestamp) - Number(before?.timestamp);
  const width = Number(after?.frameWidth);
  return fits(width) ? { width, kilobits: Math.round(bits / milliseconds) } : undefined;
}

/** Whether Firefox goes on decoding pictures in this codec and of this width. */
async function decodes(fox: FirefoxPerson, codec: string, from: number, to: number): Promise<boolean> {
  const frames = async () => {
    const codecs = await fox.statistics("codec");
    const video = (await fox.statistics("inbound-rtp")).find(
      ({ kind, codecId, frameWidth }) =>
        kind === "video" &&
        Number(frameWidth) >= from &&
        Number(frameWidth) <= to &&
        codecs.some(({ id, mimeType }) => id === codecId && mimeType === codec),
    );
    return Number(video?.framesDecoded ?? 0);
  };
  const before = await frames();
  await pause(1000);
  return before > 0 && (await frames()) > before;
}

/** How Chromium encodes its camera. */
async function modes(person: Person): Promise<unknown[]> {
  const sent = await person.statistics("outbound-rtp");
  return sent
    .filter(({ kind, active, rid }) => kind === "video" && active === true && rid !== undefined)
    .map(({ scalabilityMode }) => scalabilityMode);
}
