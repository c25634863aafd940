// Codecs in a real browser: layers within one stream decode at a large and at a small view, and somebody who knows
// VP8 only brings everybody back to it without a freeze.

import { expect, test } from "vitest";
import { GREEN, portrait } from "./support/fixtures.ts";
import { held } from "./support/norms.ts";
import { type Equipment, Person } from "./support/person.ts";
import { eventually, HearkenServer } from "./support/server.ts";

/** A picture may stand still for so long when the codec changes. */
const FREEZE_MS_MAX = held(2000, 6000);
/** It is tried so often. */
const CHANGES_MAX = 3;

interface Picture {
  readonly codec: string;
  readonly width: number;
  readonly decoded: number;
}

/** What a person's browser receives as video at present. */
async function pictures(person: Person): Promise<Picture[]> {
  return person.page.evaluate(async () => {
    const { peerConnectionsOfThisTest } = globalThis as unknown as {
      peerConnectionsOfThisTest: RTCPeerConnection[];
    };
    const report = await peerConnectionsOfThisTest.at(-1)?.getStats();
    const found: Picture[] = [];
    report?.forEach((stats) => {
      if (stats.type !== "inbound-rtp" || stats.kind !== "video") return;
      const codec = (report.get(stats.codecId)?.mimeType ?? "") as string;
      found.push({ codec, width: stats.frameWidth ?? 0, decoded: stats.framesDecoded ?? 0 });
    });
    return found;
  });
}

/** Waits until some video in this codec, and of a size in this range, goes on being decoded. */
async function sees(person: Person, codec: string, from: number, to: number): Promise<void> {
  const fitting = async () =>
    (await pictures(person)).filter((one) => one.codec === codec && one.width >= from && one.width <= to);
  let before: number | null = null;
  try {
    await eventually(
      `${person.name} sees ${codec} of ${from} to ${to} pixels`,
      async () => {
        const decoded = (await fitting()).reduce((sum, one) => Math.max(sum, one.decoded), 0);
        if (decoded === 0) before = null;
        else before ??= decoded;
        return before !== null && decoded > before + 5;
      },
      60_000,
    );
  } catch (error) {
    throw new Error(`${String(error)}: ${JSON.stringify(await pictures(person))}`);
  }
}

/** Runs in the page before its own scripts: a browser that knows VP8 only. */
function knowOnlyVp8(): void {
  for (const side of [RTCRtpSender, RTCRtpReceiver]) {
    const original = side.getCapabilities.bind(side);
    side.getCapabilities = (kind) => {
      const known = original(kind);
      if (known === null || kind !== "video") return known;
      const isOld = ({ mimeType }: RTCRtpCodec) => /vp8|rtx/i.test(mimeType);
      return { ...known, codecs: known.codecs.filter(isOld) };
    };
  }
}

/** Runs in the page: notes the longest time between two frames of the first video of others. */
function watchForFreezes(name: string): void {
  const seen = { longestMs: 0 };
  Object.assign(globalThis, { freezesOfThisTest: seen });
  const video = document.querySelector<HTMLVideoElement>(`[role="group"][aria-label="${name}"] video`);
  let last: number | null = null;
  const note = (now: number): void => {
    if (last !== null) seen.longestMs = Math.max(seen.longestMs, now - last);
    last = now;
    video?.requestVideoFrameCallback(note);
  };
  video?.requestVideoFrameCallback(note);
}

/** Runs in the page before its own scripts: the server does not hear of the dependency descriptor. */
function hideDependencyDescriptor(): void {
  const original = WebSocket.prototype.send;
  WebSocket.prototype.send = function (data) {
    const hidden =
      typeof data === "string" ? data.replace(/a=extmap:\d+ https:\/\/aomedia[^\\]*\\r\\n/g, "") : data;
    original.call(this, hidden);
  };
}

/** How a person's camera is encoded, encodings that are switched off not counted. */
function modes(person: Person): Promise<string[]> {
  return person.page.evaluate(async () => {
    const { peerConnectionsOfThisTest } = globalThis as unknown as {
      peerConnectionsOfThisTest: RTCPeerConnection[];
    };
    const found: string[] = [];
    (await peerConnectionsOfThisTest.at(-1)?.getStats())?.forEach((stats) => {
      if (stats.type === "outbound-rtp" && stats.kind === "video" && stats.active && stats.framesEncoded > 0)
        found.push(stats.scalabilityMode ?? "");
    });
    return found;
  });
}

/** Waits until a person's camera is encoded like this and in no other way: the server lowers it within 10 s. */
async function sendsIn(person: Person, mode: RegExp): Promise<void> {
  let sent: string[] = [];
  const fits = async () => {
    sent = await modes(person);
    return sent.length > 0 && sent.every((one) => mode.test(one));
  };
  await eventually(`${person.name} sends in ${mode}`, fits, 60_000).catch((error: unknown) => {
    throw new Error(`${String(error)}: ${JSON.stringify(sent)}`);
  });
}

/** Whether a person was promised the dependency descriptor by the server's answer. */
function receivesDescriptor(person: Person): Promise<boolean> {
  return person.page.evaluate(() => {
    const { peerConnectionsOfThisTest } = globalThis as unknown as {
      peerConnectionsOfThisTest: RTCPeerConnection[];
    };
    const answer = peerConnectionsOfThisTest.at(-1)?.remoteDescription?.sdp ?? "";
    return answer.includes("dependency-descriptor");
  });
}

/** Two people, the first with a camera, in a session whose operator wishes a codec. */
async function call(
  setting: string,
  story: (ann: Person, bob: Person, launch: (name: string) => Promise<Person>, link: string) => Promise<void>,
  scriptOfBob?: () => void,
): Promise<void> {
  const server = await HearkenServer.start({ HEARKEN_VIDEO_CODEC: setting });
  const links = await server.createSession({ name: "Codecs", captions: false, waiting_room: false });
  const people: Person[] = [];
  const launch = async (name: string, equipment: Equipment = {}) => {
    const person = await Person.launch(name, equipment);
    people.push(person);
    return person;
  };
  try {
    // A small camera, of which there are two layers: what two cores can't encode in time, AV1 above all, browsers send
    // in smaller pictures only.
    const [ann, bob] = await Promise.all([launch("Ann", { camera: portrait(GREEN) }), launch("Bob")]);
    if (scriptOfBob !== undefined) await bob.page.context().addInitScript(scriptOfBob);
    await ann.join(links.facilitator_url, "Join");
    await ann.waitUntilInCall();
    await ann.toggle("Camera", true);
    await bob.join(links.member_url, "Ask to join");
    await bob.waitUntilInCall();
    await story(ann, bob, launch, links.member_url);
  } finally {
    await Promise.all(people.map((person) => person.close()));
    await server.stop();
  }
}

// VP9 is told apart by its payload descriptor here, and by the dependency descriptor below.
test.each([
  ["vp9", "video/VP9", /^L[23]T3_KEY$/, hideDependencyDescriptor],
  ["av1", "video/AV1", /^L[23]T3_KEY$/, undefined],
  ["h264", "video/H264", /^L1T\d$/, undefined],
] as const)("%s decodes at a large and at a small view", async (setting, codec, mode, script) => {
  await call(
    setting,
    async (ann, bob) => {
      await sees(bob, codec, 500, 1280);
      await sendsIn(ann, mode);
      expect(await receivesDescriptor(bob)).toBe(script === undefined);
      // A window so small that the smallest layer fills it.
      await bob.page.setViewportSize({ width: 320, height: 300 });
      await sees(bob, codec, 100, 400);
      // Of several streams each is switched off; of layers within one, the browser has to make fewer.
      if (setting !== "vp9") return;
      await sendsIn(ann, /^L1T3$/);
      await bob.page.setViewportSize({ width: 1000, height: 700 });
      await sendsIn(ann, mode);
      await sees(bob, codec, 500, 1280);
      expect(ann.warnings).toEqual([]);
    },
    script,
  );
});

test("somebody who knows VP8 only brings everybody back to it without a freeze", {
  timeout: 600_000,
}, async () => {
  let longestMs = Number.POSITIVE_INFINITY;
  // Three browsers on two cores that do something else besides halt without any change of codec, now and then.
  for (let times = 0; times < CHANGES_MAX && longestMs >= FREEZE_MS_MAX; times++) {
    await call("vp9", async (_ann, bob, launch, link) => {
      // A browser that starts takes both cores for a while.
      const old = await launch("Old");
      await old.page.context().addInitScript(knowOnlyVp8);
      await sees(bob, "video/VP9", 100, 1280);
      await bob.page.evaluate(watchForFreezes, "Ann");
      await old.join(link, "Ask to join");
      await old.waitUntilInCall();
      await sees(old, "video/VP8", 100, 1280);
      await sees(bob, "video/VP8", 100, 1280);
      longestMs = await bob.page.evaluate(
        () =>
          (globalThis as unknown as { freezesOfThisTest: { longestMs: number } }).freezesOfThisTest.longestMs,
      );
      process.stdout.write(`another codec: ${longestMs.toFixed()} ms without a picture at the longest\n`);
      expect(longestMs, "pictures were seen at all").toBeGreaterThan(0);
    });
  }
  expect(longestMs, "the longest time between two frames, in ms").toBeLessThan(FREEZE_MS_MAX);
});
