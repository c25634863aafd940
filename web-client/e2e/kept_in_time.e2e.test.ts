// What a facilitator changes about captions while people talk, and what people are told when they come late.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Person } from "./support/person.ts";
import { eventually, HearkenServer, pause } from "./support/server.ts";

/** Names that sound alike are written in the most usual way, if nothing is said about them. */
const SENTENCE = "Brian talked to Catherine and Steven about the doctor.";
const RIGHT = /Kathryn/;
/** Of 200 ms, at which a processor of any speed is too slow. */
const RUNNING_MS_MIN = 2;

describe("captions while people talk", () => {
  const folder = mkdtempSync(join(tmpdir(), "hearken-voice-"));
  let server: HearkenServer;
  let fay: Person;
  let ann: Person;
  let stopped: number | undefined;

  const notice = () => fay.region("Live captions").getByText("Captions come late", { exact: false });
  const finals = () =>
    fay
      .messages<{ status: string; stable: string }>("caption")
      .filter(({ status, stable }) => status === "final" && stable !== "")
      .map(({ stable }) => stable);

  beforeAll(async () => {
    const file = join(folder, "voice.wav");
    writeFileSync(file, synthetic(SENTENCE));
    server = await HearkenServer.start();
    const links = await server.createSession({ name: "Terms", waiting_room: false });
    [fay, ann] = await Promise.all([Person.launch("Fay"), Person.launch("Ann", { speech: file })]);
    await fay.join(links.facilitator_url, "Join");
    await fay.waitUntilInCall();
    await fay.toggle("Microphone", false);
    await fay.toggle("Camera", false);
    await ann.join(links.member_url, "Ask to join");
    await ann.waitUntilInCall();
    await ann.toggle("Camera", false);
    await ann.toggle("Microphone", true);
  });

  afterAll(async () => {
    if (stopped !== undefined) process.kill(stopped, "SIGCONT");
    await Promise.all([fay?.close(), ann?.close()]);
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("names and terms that a facilitator adds are written right from then on", async () => {
    await eventually("a caption without them", async () => finals().length > 0, 60_000);
    expect(finals().filter((one) => RIGHT.test(one))).toEqual([]);
    await fay.button("Names and terms…").click();
    const dialog = fay.page.getByRole("dialog", { name: "Names and terms" });
    await dialog.getByLabel("Words that captions get wrong").fill("Bryan\nKathryn\nAnneliese");
    await dialog.getByText("3 of 50 words, 21 of 400 characters.").waitFor();
    await dialog.getByRole("button", { name: "Save", exact: true }).click();
    await dialog.waitFor({ state: "detached" });
    await eventually("a caption with them", async () => finals().some((one) => RIGHT.test(one)), 60_000);
    // A name that nobody said is in none of the members' pages.
    expect(await ann.page.content()).not.toContain("Anneliese");
    expect(JSON.stringify(ann.received)).not.toContain("Anneliese");
    for (const word of ["Anneliese", "Kathryn"]) expect(server.output).not.toContain(word);
    // What was saved stands there again.
    await fay.button("Names and terms…").click();
    expect(await dialog.getByLabel("Words that captions get wrong").inputValue()).toBe(
      "Bryan\nKathryn\nAnneliese",
    );
    await dialog.getByRole("button", { name: "Cancel", exact: true }).click();
  });

  test("people are told while the worker gets too little of a processor, and no longer", async () => {
    const worker = server.captionsPid() as number;
    stopped = worker;
    let isStarved = true;
    // A tenth at first. A fast machine may keep up with that: then a quarter of it, and a quarter of that.
    let running = 20;
    const starving = (async () => {
      while (isStarved) {
        process.kill(worker, "SIGSTOP");
        await pause(200 - running);
        process.kill(worker, "SIGCONT");
        await pause(running);
      }
    })();
    try {
      while (running > RUNNING_MS_MIN && !(await comesWithin(15_000))) running /= 4;
      await notice().waitFor({ timeout: 30_000 });
    } finally {
      isStarved = false;
      await starving;
      stopped = undefined;
    }
    await isOverInSilence();
  });

  test("people are told when the worker hangs, and captions go on when it does", async () => {
    stopped = server.captionsPid() as number;
    process.kill(stopped, "SIGSTOP");
    await notice().waitFor({ timeout: 30_000 });
    process.kill(stopped, "SIGCONT");
    stopped = undefined;
    await isOverInSilence();
    const before = finals().length;
    await eventually("captions go on", async () => finals().length > before, 60_000);
  });

  const comesWithin = (milliseconds: number): Promise<boolean> =>
    notice()
      .waitFor({ timeout: milliseconds })
      .then(
        () => true,
        () => false,
      );

  /** Nobody speaks for a while: a slow machine, too, gets done with what was said before. */
  async function isOverInSilence(): Promise<void> {
    await ann.toggle("Microphone", false);
    await notice().waitFor({ state: "detached", timeout: 60_000 });
    await ann.toggle("Microphone", true);
  }
});

/** A WAV file of a synthetic voice, with a pause after what it says. */
function synthetic(text: string): Buffer {
  const voice = execFileSync("espeak-ng", ["-v", "en-us", "-s", "140", "--stdout", text]);
  const rate = voice.readUInt32LE(24);
  const samples = Buffer.concat([voice.subarray(44), Buffer.alloc(rate * 2 * 2)]);
  const header = Buffer.from(voice.subarray(0, 44));
  header.writeUInt32LE(36 + samples.length, 4);
  header.writeUInt32LE(samples.length, 40);
  return Buffer.concat([header, samples]);
}
