// Live captions of recorded speech: the right words under the right names, for several speakers at once.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { normalise, recording, shareOfWordsHeard } from "./support/fixtures.ts";
import { Person } from "./support/person.ts";
import { eventually, HearkenServer, type Links, pause } from "./support/server.ts";

const WORDS_RIGHT_MIN = 0.8;
/** Browser and server share this machine's clock; a message needs a moment from one to the other. */
const CLOCK_SLACK_MS = 300;

describe("captions", () => {
  let server: HearkenServer;
  let links: Links;
  let fay: Person;
  const speakers: { readonly person: Person; readonly words: readonly string[]; readonly loopMs: number }[] =
    [];

  beforeAll(async () => {
    server = await HearkenServer.start();
    links = await server.createSession({ name: "Captions", waiting_room: false });
    fay = await Person.launch("Fay");
    await fay.join(links.facilitator_url, "Join");
    await fay.waitUntilInCall();
    await fay.toggle("Microphone", false);
    await fay.toggle("Camera", false);
    for (const [name, sentences] of [
      ["Ann", ["0870", "0880", "0890"]],
      ["Cleo", ["0920", "0930"]],
    ] as const) {
      const speech = recording(sentences);
      const person = await Person.launch(name, { speech: speech.file });
      await person.join(links.member_url, "Ask to join");
      await person.waitUntilInCall();
      await person.toggle("Camera", false);
      speakers.push({ person, words: speech.words, loopMs: speech.loopMs });
    }
  });

  afterAll(async () => {
    await Promise.all([fay, ...speakers.map((speaker) => speaker.person)].map((person) => person.close()));
    await server.stop();
  });

  test("everybody sees that the server listens", async () => {
    await eventually("captions are on", async () => {
      const welcome = fay.messages<{ session: { captions: string } }>("welcome").at(-1);
      const state = fay.messages<{ state: string }>("captions").at(-1)?.state ?? welcome?.session.captions;
      return state === "on";
    });
  });

  test("at least 80% of the words of whole loops stand under the right names", async () => {
    for (const { person } of speakers) {
      await person.toggle("Microphone", true);
    }
    const longest = Math.max(...speakers.map((speaker) => speaker.loopMs));
    await fay.region("Live captions").waitFor();
    await fay.region("Live captions").locator('[data-state="partial"]').first().waitFor({ timeout: 60_000 });
    // Two loops after the first words: at least one whole loop is within, wherever the file began.
    await pause(2 * longest + 4000);
    for (const { person, words } of speakers) {
      await person.toggle("Microphone", false);
      let heard: string[] = [];
      // On a slow machine what was said last is written a while later.
      const isWritten = async () => {
        const finals = captionsOf(fay, person.name).filter(({ status }) => status === "final");
        heard = normalise(finals.map(({ stable }) => stable).join(" "));
        return bestLoop(words, heard) >= WORDS_RIGHT_MIN;
      };
      await eventually(`captions of ${person.name}`, isWritten).catch((error: unknown) => {
        throw new Error(`${String(error)}: of ${words.length} words ${heard.join(" ")}`);
      });
      for (const other of speakers.filter((one) => one.person !== person)) {
        expect(shareOfWordsHeard(onlyOf(other.words, words), heard)).toBeLessThan(0.3);
      }
    }
  });

  test('"Mute Ann" stops the captions for Ann', async () => {
    const ann = speakers.find((speaker) => speaker.person.name === "Ann")?.person as Person;
    await ann.toggle("Microphone", true);
    const before = captionsOf(fay, "Ann").length;
    await eventually("Ann has captions", async () => captionsOf(fay, "Ann").length > before, 30_000);
    await fay.button("Mute Ann").click();
    await eventually("Ann is told", async () => ann.messages("muted").length > 0);
    const mutedAt = Date.now();
    // What was said before is still written down; nothing said later ever is.
    await pause(10_000);
    const saidLater = captionsOf(fay, "Ann").filter((one) => one.started_at > mutedAt + CLOCK_SLACK_MS);
    expect(saidLater).toEqual([]);
    await eventually("all of it is final", async () => openOf(captionsOf(fay, "Ann")).length === 0);
  });

  test("the page shows what arrived: names in the region, finals in the log and in the history", async () => {
    await eventually(
      "everything is final",
      async () => (await fay.region("Live captions").locator('[data-state="partial"]').count()) === 0,
      30_000,
    );
    const logged = await fay.finalCaptions();
    expect(logged.length).toBeGreaterThan(0);
    expect(logged.some((line) => line.includes("Ann"))).toBe(true);
    expect(logged.some((line) => line.includes("Cleo"))).toBe(true);
    const partialTexts = new Set(
      fay
        .messages<CaptionMessage>("caption")
        .filter((one) => one.status === "partial")
        .map((one) => one.stable + one.tentative),
    );
    expect(partialTexts.size).toBeGreaterThan(0);
    await fay.button("Caption history").click();
    await eventually("the history shows both", async () => {
      const text = (await fay.page.locator("body").textContent()) ?? "";
      return text.includes("Ann") && text.includes("Cleo");
    });
  });
});

interface CaptionMessage {
  readonly id: { readonly epoch: number; readonly number: number };
  readonly started_at: number;
  readonly name: string;
  readonly status: "partial" | "final" | "interrupted";
  readonly stable: string;
  readonly tentative: string;
}

function captionsOf(person: Person, name: string): CaptionMessage[] {
  return person.messages<CaptionMessage>("caption").filter((one) => one.name === name);
}

/** The captions among these that are neither final nor interrupted. */
function openOf(captions: readonly CaptionMessage[]): string[] {
  const open = new Set<string>();
  for (const { id, status } of captions) {
    const key = `${id.epoch}-${id.number}`;
    if (status === "partial") {
      open.add(key);
    } else {
      open.delete(key);
    }
  }
  return [...open];
}

/** The share of one loop's words in the best stretch of what was heard that is about as long as a loop. */
function bestLoop(words: readonly string[], heard: readonly string[]): number {
  let best = 0;
  const length = Math.ceil(words.length * 1.15);
  for (let start = 0; start === 0 || start + words.length <= heard.length; start++) {
    const stretch = heard.slice(start, start + length);
    for (let turn = 0; turn < words.length; turn++) {
      best = Math.max(best, shareOfWordsHeard([...words.slice(turn), ...words.slice(0, turn)], stretch));
    }
  }
  return best;
}

/** The words that only the first says. */
function onlyOf(words: readonly string[], others: readonly string[]): readonly string[] {
  return words.filter((word) => !others.includes(word));
}
