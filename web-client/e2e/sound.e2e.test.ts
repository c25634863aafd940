// Sound: what browsers send of it, and that it comes in step with the picture.

import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { answer, FirefoxPerson, RETRY } from "./support/firefox.ts";
import { recording } from "./support/fixtures.ts";
import { flashAndBeep, OFFSETS_WINDOW_MS, watchFlashesAndBeeps } from "./support/lips.ts";
import { held } from "./support/norms.ts";
import { Person } from "./support/person.ts";
import { eventually, HearkenServer, type Links, pause } from "./support/server.ts";
import { SoundDevice } from "./support/sound-device.ts";

/** EN 301 549 §6.5.4. */
const LIPS_AND_VOICE_MS_MAX = held(100, 250);
/** How closely Firefox keeps to the times it is told is its own affair; to be further off, they would be wrong. */
const FIREFOX_LIPS_AND_VOICE_MS_MAX = held(200, 400);
/** The page asks for layers by the size in which it shows a picture. */
const SMALL_PICTURES = "video { max-width: 112px !important; max-height: 63px !important }";
/** Medians that are taken before a figure counts as too large. */
const WINDOWS_MAX = 5;

describe("lips and voice", () => {
  let server: HearkenServer;
  let links: Links;
  let fay: Person;
  let ann: Person;

  beforeAll(async () => {
    server = await HearkenServer.start();
    links = await server.createSession({ name: "Lips", captions: false, waiting_room: false });
    fay = await Person.launch("Fay");
    await fay.join(links.facilitator_url, "Join");
    await fay.waitUntilInCall();
    await fay.toggle("Microphone", false);
    await fay.toggle("Camera", false);
    ann = await Person.launch("Ann");
    await ann.page.addInitScript(flashAndBeep);
  });

  afterAll(async () => {
    await Promise.all([fay, ann].map((person) => person?.close()));
    await server?.stop();
  });

  const NORM = "are no further apart at a receiver than the norm allows, after changes of layer and slot too";
  test(NORM, { timeout: 600_000 }, async () => {
    await annJoins();
    const figures: Record<string, number> = {};
    const begun = await watchAnn();
    figures.large = await offset();

    const wide = await frameWidth(begun.videoMid);
    const small = await fay.page.addStyleTag({ content: SMALL_PICTURES });
    await eventually(`less than ${wide} pixels arrive`, async () => {
      const width = await frameWidth(begun.videoMid);
      return width > 0 && width < wide;
    });
    figures.small = await offset();

    await ann.button("Leave").click();
    await small.evaluate((style) => (style as HTMLStyleElement).remove());
    await eventually("Ann is gone", async () => (await fay.tile("Ann").count()) === 0);
    await annJoins();
    const again = await watchAnn();
    expect(again.videoMid).not.toBe(begun.videoMid);
    figures.slot = await offset();

    process.stdout.write(`lips and voice, ms the picture is behind the sound: ${JSON.stringify(figures)}\n`);
    for (const [when, ms] of Object.entries(figures)) {
      expect(Math.abs(ms), when).toBeLessThanOrEqual(LIPS_AND_VOICE_MS_MAX);
    }
  });

  async function annJoins(): Promise<void> {
    await ann.join(links.member_url, "Ask to join");
    await ann.waitUntilInCall();
    await ann.toggle("Microphone", true);
    await ann.toggle("Camera", true);
    await ann.page.waitForFunction(() => "ownTracksOfThisTest" in globalThis);
    await ann.page.evaluate(watchFlashesAndBeeps, null);
  }

  /** The sections that carry Ann at Fay's, being watched. */
  async function watchAnn(): Promise<{ audioMid: string; videoMid: string }> {
    interface SlotMessage {
      mid: string;
      content: { participant: string; source: string } | null;
    }
    const find = (source: string): string | undefined => {
      const now = new Map(fay.messages<SlotMessage>("slot").map((slot) => [slot.mid, slot]));
      const newest = [...now.values()].filter((slot) => slot.content?.source === source);
      return newest.at(-1)?.mid;
    };
    const mids = await eventually("Ann has a slot", async () => {
      const [audioMid, videoMid] = [find("microphone"), find("camera")];
      return audioMid !== undefined && videoMid !== undefined && { audioMid, videoMid };
    });
    await eventually("Ann's picture arrives", async () => (await frameWidth(mids.videoMid)) > 0);
    await fay.page.evaluate(watchFlashesAndBeeps, mids);
    return mids;
  }

  async function frameWidth(mid: string): Promise<number> {
    return (await fay.streams("inbound-rtp")).find((one) => one.mid === mid)?.frameWidth ?? 0;
  }

  /**
   * How far the picture is behind the sound at Fay's, less what it is at Ann's already: the median of 10 s. After a
   * change Chromium finds the right delay in steps, on a busy machine in more than one such window.
   */
  async function offset(): Promise<number> {
    let ms = Number.NaN;
    for (let window = 0; window < WINDOWS_MAX && !(Math.abs(ms) <= LIPS_AND_VOICE_MS_MAX); window++) {
      await Promise.all([fay, ann].map((person) => person.page.evaluate(() => offsetsOfThisTest.restart())));
      await pause(OFFSETS_WINDOW_MS);
      const [received = Number.NaN, sent = Number.NaN] = await Promise.all(
        [fay, ann].map((person) => person.page.evaluate(() => offsetsOfThisTest.median())),
      );
      ms = Math.round(received - sent);
    }
    return ms;
  }
});

describe("lips and voice in Firefox", () => {
  let server: HearkenServer;
  let links: Links;
  let loudspeaker: SoundDevice;
  let ann: Person;
  let fox: FirefoxPerson | undefined;

  beforeAll(async () => {
    server = await HearkenServer.start();
    links = await server.createSession({ name: "Lips", captions: false, waiting_room: false });
    loudspeaker = await SoundDevice.start();
    ann = await Person.launch("Ann");
    await ann.page.addInitScript(flashAndBeep);
    await ann.join(links.facilitator_url, "Join");
    await ann.waitUntilInCall();
    await ann.toggle("Microphone", true);
    await ann.toggle("Camera", true);
  });

  afterEach(async () => {
    await fox?.close();
    fox = undefined;
  });

  afterAll(async () => {
    await ann?.close();
    await Promise.all([server?.stop(), loudspeaker?.stop()]);
  });

  test("are measured", { retry: RETRY, timeout: 600_000 }, async () => {
    const finn = await FirefoxPerson.launch("Finn", loudspeaker.environment);
    fox = finn;
    await finn.join(links.member_url);
    for (const source of ["Microphone", "Camera"]) {
      await finn.toggle(source, false);
    }
    const mids = await eventually(
      "Firefox gets sound and picture",
      async () => {
        const streams = await finn.statistics("inbound-rtp");
        const find = (kind: string, counter: string) =>
          streams.find((one) => one.kind === kind && Number(one[counter]) > 30)?.mid as string | undefined;
        const [audioMid, videoMid] = [find("audio", "packetsReceived"), find("video", "framesDecoded")];
        return audioMid !== undefined && videoMid !== undefined && { audioMid, videoMid };
      },
      60_000,
    );
    await ann.page.evaluate(watchFlashesAndBeeps, null);
    await answer(finn.page.evaluate(watchFlashesAndBeeps, mids));
    let ms = Number.NaN;
    for (let window = 0; window < WINDOWS_MAX && !(Math.abs(ms) <= FIREFOX_LIPS_AND_VOICE_MS_MAX); window++) {
      await Promise.all([
        answer(finn.page.evaluate(() => offsetsOfThisTest.restart())),
        ann.page.evaluate(() => offsetsOfThisTest.restart()),
      ]);
      await pause(OFFSETS_WINDOW_MS);
      const received = await answer(finn.page.evaluate(() => offsetsOfThisTest.median()));
      ms = Math.round(received - (await ann.page.evaluate(() => offsetsOfThisTest.median())));
    }
    process.stdout.write(`lips and voice in Firefox, ms the picture is behind the sound: ${ms}\n`);
    expect(Math.abs(ms)).toBeLessThanOrEqual(FIREFOX_LIPS_AND_VOICE_MS_MAX);
  });
});

/** Packets of a microphone in a window of silence, and in one of speech: 2.5 and 50 a second, and some room. */
const WINDOW_MS = 1_500;
const SILENT_PACKETS_MAX = 15;
const SPOKEN_PACKETS_MIN = 50;

describe("a microphone", () => {
  let server: HearkenServer;
  let fay: Person;
  let ann: Person;

  beforeAll(async () => {
    server = await HearkenServer.start();
    const links = await server.createSession({ name: "Sound", captions: false, waiting_room: false });
    fay = await Person.launch("Fay");
    await fay.join(links.facilitator_url, "Join");
    await fay.waitUntilInCall();
    await fay.toggle("Microphone", false);
    await fay.toggle("Camera", false);
    ann = await Person.launch("Ann", { speech: recording(["0870"], 5_000).file });
    await ann.join(links.member_url, "Ask to join");
    await ann.waitUntilInCall();
    await ann.toggle("Camera", false);
    await ann.toggle("Microphone", true);
  });

  afterAll(async () => {
    await Promise.all([fay, ann].map((person) => person?.close()));
    await server?.stop();
  });

  test("sends copies, in-band repairs and nothing in silence, and can be asked for what is lost", async () => {
    const sent = await eventually("Ann sends sound", () => codecs(ann, "outbound-rtp"), 30_000);
    expect(sent.map((codec) => codec.mimeType)).toEqual(["audio/opus"]);
    const answer = await ann.page.evaluate(() => {
      const made = (globalThis as unknown as { peerConnectionsOfThisTest: RTCPeerConnection[] })
        .peerConnectionsOfThisTest;
      return made.at(-1)?.currentRemoteDescription?.sdp ?? "";
    });
    const parameters = /a=fmtp:111 (.*)\r\n/.exec(answer)?.[1]?.split(";");
    expect(parameters).toEqual(expect.arrayContaining(["useinbandfec=1", "usedtx=1"]));
    expect(answer).toContain("a=rtcp-fb:111 nack\r\n");
    expect(answer).toContain("m=audio 9 UDP/TLS/RTP/SAVPF 63 111\r\n");

    // No line loses anything here, so nobody needs copies on the way down.
    const received = await eventually("Fay gets sound", () => codecs(fay, "inbound-rtp"));
    expect(new Set(received.map((codec) => codec.mimeType))).toEqual(new Set(["audio/opus"]));

    const windows: { packets: number; bytes: number }[] = [];
    const find = (is: (one: { packets: number; bytes: number }) => boolean) => windows.find(is);
    const { spoken } = await eventually(
      "a window of speech and one of silence",
      async () => {
        const before = await outgoing();
        await pause(WINDOW_MS);
        const after = await outgoing();
        windows.push({ packets: after.packets - before.packets, bytes: after.bytes - before.bytes });
        const speech = find(({ packets }) => packets >= SPOKEN_PACKETS_MIN);
        const silence = find(({ packets }) => packets <= SILENT_PACKETS_MAX);
        return speech !== undefined && silence !== undefined && { spoken: speech };
      },
      60_000,
    );
    // The statistics name the codec inside: that copies go along shows in the bytes, twice what the encoder makes.
    const { target } = await outgoing();
    expect((spoken.bytes / spoken.packets) * 8 * 50).toBeGreaterThan(1.25 * target);
  });

  /** What Ann's microphone has sent, and the rate that the encoder aims at in bit/s. */
  function outgoing(): Promise<{ packets: number; bytes: number; target: number }> {
    return ann.page.evaluate(async () => {
      const made = (globalThis as unknown as { peerConnectionsOfThisTest: RTCPeerConnection[] })
        .peerConnectionsOfThisTest;
      const sum = { packets: 0, bytes: 0, target: 0 };
      (await made.at(-1)?.getStats())?.forEach((stats) => {
        if (stats.type === "outbound-rtp" && stats.kind === "audio") {
          sum.packets += stats.packetsSent;
          sum.bytes += stats.bytesSent;
          sum.target = Math.max(sum.target, stats.targetBitrate ?? 0);
        }
      });
      return sum;
    });
  }
});

interface CodecStats {
  readonly mimeType: string;
}

/** The codecs of the streams of sound that flow; none yet: false. */
function codecs(person: Person, type: "inbound-rtp" | "outbound-rtp"): Promise<CodecStats[] | false> {
  return person.page.evaluate(async (wanted) => {
    const made = (globalThis as unknown as { peerConnectionsOfThisTest: RTCPeerConnection[] })
      .peerConnectionsOfThisTest;
    const all = await made.at(-1)?.getStats();
    const found: CodecStats[] = [];
    all?.forEach((stats) => {
      const packets = stats.packetsReceived ?? stats.packetsSent ?? 0;
      if (stats.type === wanted && stats.kind === "audio" && packets > 20) {
        found.push({ mimeType: all.get(stats.codecId)?.mimeType ?? "" });
      }
    });
    return found.length > 0 && found;
  }, type);
}
