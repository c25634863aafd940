// What the fake microphones and cameras play: recorded speech padded with silence, and pictures of one colour.

import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { speechFolder } from "./server.ts";

const folder = mkdtempSync(join(tmpdir(), "hearken-fixtures-"));

export interface Recording {
  /** A WAV file that a browser plays in a loop as its microphone. */
  readonly file: string;
  /** What is said in one loop, in lower case without punctuation. */
  readonly words: readonly string[];
  /** How long one loop takes. */
  readonly loopMs: number;
}

/** The LibriVox sentences of Debian's `pocketsphinx-testdata`, by the last digits of their names. */
export function recording(sentences: readonly string[], silenceMs = 1500): Recording {
  const source = speechFolder();
  const transcripts = readFileSync(join(source, "transcription"), "utf8").split("\n");
  const rate = 16_000;
  const silence = Buffer.alloc(((rate * silenceMs) / 1000) * 2);
  const parts: Buffer[] = [];
  const words: string[] = [];
  for (const sentence of sentences) {
    const name = `sense_and_sensibility_01_austen_64kb-${sentence}`;
    const wav = readFileSync(join(source, `${name}.wav`));
    const data = wav.indexOf("data", 12, "latin1");
    parts.push(wav.subarray(data + 8, data + 8 + wav.readUInt32LE(data + 4)), silence);
    const line = transcripts.find((candidate) => candidate.includes(`(${name})`));
    if (line === undefined) {
      throw new Error(`no transcript of ${name}`);
    }
    words.push(
      ...line
        .slice(line.indexOf("<s>") + 3, line.indexOf("</s>"))
        .trim()
        .split(/\s+/),
    );
  }
  const samples = Buffer.concat(parts);
  const header = wavHeader(samples.length, rate);
  const file = join(folder, `${sentences.join("-")}.wav`);
  writeFileSync(file, Buffer.concat([header, samples]));
  return { file, words, loopMs: (samples.length / 2 / rate) * 1000 };
}

/** A microphone that hears a tone without a pause, so that a packet is sent every 20 ms. */
export function tone(): string {
  const rate = 16_000;
  const samples = Buffer.alloc(2 * rate * 2);
  for (let at = 0; at < samples.length / 2; at++) {
    samples.writeInt16LE(Math.round(8_000 * Math.sin((2 * Math.PI * 440 * at) / rate)), 2 * at);
  }
  const file = join(folder, "tone.wav");
  writeFileSync(file, Buffer.concat([wavHeader(samples.length, rate), samples]));
  return file;
}

/** The header of a WAV file with one channel of 16-bit samples. */
function wavHeader(bytes: number, rate: number): Buffer {
  const header = Buffer.alloc(44);
  header.write("RIFF", 0);
  header.writeUInt32LE(36 + bytes, 4);
  header.write("WAVEfmt ", 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(rate, 24);
  header.writeUInt32LE(rate * 2, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write("data", 36);
  header.writeUInt32LE(bytes, 40);
  return header;
}

/** A colour as a camera sees it: luma and both chroma parts, 0 to 255. */
export interface Colour {
  readonly name: string;
  readonly y: number;
  readonly u: number;
  readonly v: number;
}

export const RED: Colour = { name: "red", y: 81, u: 90, v: 240 };
export const GREEN: Colour = { name: "green", y: 145, u: 54, v: 34 };
export const BLUE: Colour = { name: "blue", y: 41, u: 240, v: 110 };

/** A camera that shows one colour with a moving bar, so that the encoder has something to do. */
export function camera(colour: Colour, width = 640, height = 360, framesPerSecond = 10): string {
  const file = join(folder, `${colour.name}-${width}.y4m`);
  const frames: Buffer[] = [
    Buffer.from(`YUV4MPEG2 W${width} H${height} F${framesPerSecond}:1 Ip A1:1 C420mpeg2\n`),
  ];
  for (let frame = 0; frame < framesPerSecond; frame++) {
    const luma = Buffer.alloc(width * height, colour.y);
    const bar = Math.floor((frame * height) / framesPerSecond);
    luma.fill(colour.y + 25, bar * width, Math.min(height, bar + 16) * width);
    const chroma = (width / 2) * (height / 2);
    frames.push(Buffer.from("FRAME\n"), luma, Buffer.alloc(chroma, colour.u), Buffer.alloc(chroma, colour.v));
  }
  writeFileSync(file, Buffer.concat(frames));
  return file;
}

/** A camera whose every picture differs from the one before in many places, so that pictures take many packets. */
export function busyCamera(wall: Colour, width = 640, height = 360, framesPerSecond = 15): string {
  const file = join(folder, `busy-${wall.name}.y4m`);
  const frames: Buffer[] = [
    Buffer.from(`YUV4MPEG2 W${width} H${height} F${framesPerSecond}:1 Ip A1:1 C420mpeg2\n`),
  ];
  const chroma = (width / 2) * (height / 2);
  const cell = 20;
  for (let frame = 0; frame < framesPerSecond; frame++) {
    const luma = Buffer.alloc(width * height, wall.y);
    for (let row = 0; row < height / cell; row++) {
      for (let column = 0; column < width / cell; column++) {
        // Cells of changing brightness, the same in every run.
        const light = (row * 7 + column * 13 + frame * (1 + ((row * 5 + column * 3) % 4)) * 11) % 50;
        for (let line = 0; line < cell; line++) {
          const start = (row * cell + line) * width + column * cell;
          luma.fill(wall.y + light - 25, start, start + cell);
        }
      }
    }
    frames.push(Buffer.from("FRAME\n"), luma, Buffer.alloc(chroma, wall.u), Buffer.alloc(chroma, wall.v));
  }
  writeFileSync(file, Buffer.concat(frames));
  return file;
}

/** A camera that shows the outline of a person, swaying a little, before a wall of that colour. */
export function portrait(wall: Colour, width = 640, height = 360, framesPerSecond = 10): string {
  const file = join(folder, `portrait-${wall.name}.y4m`);
  const frames: Buffer[] = [
    Buffer.from(`YUV4MPEG2 W${width} H${height} F${framesPerSecond}:1 Ip A1:1 C420mpeg2\n`),
  ];
  const count = 2 * framesPerSecond;
  for (let frame = 0; frame < count; frame++) {
    const sway = 0.02 * Math.sin((2 * Math.PI * frame) / count);
    const planes = [
      { w: width, h: height, wall: wall.y, face: 175, cloth: Math.max(40, wall.y - 60) },
      { w: width / 2, h: height / 2, wall: wall.u, face: 112, cloth: 128 },
      { w: width / 2, h: height / 2, wall: wall.v, face: 150, cloth: 128 },
    ].map((plane) => {
      const pixels = Buffer.alloc(plane.w * plane.h);
      for (let row = 0; row < plane.h; row++) {
        for (let column = 0; column < plane.w; column++) {
          const x = ((column / plane.w - 0.5 - sway) * width) / height;
          const y = row / plane.h;
          const inFace = (x / 0.16) ** 2 + ((y - 0.4) / 0.21) ** 2 < 1;
          const inCloth = (x / 0.42) ** 2 + ((y - 1.05) / 0.42) ** 2 < 1;
          const light = plane === undefined ? 0 : plane.w === width ? Math.round(14 * (1 - y)) : 0;
          pixels[row * plane.w + column] = (inFace ? plane.face : inCloth ? plane.cloth : plane.wall) + light;
        }
      }
      return pixels;
    });
    frames.push(Buffer.from("FRAME\n"), ...planes);
  }
  writeFileSync(file, Buffer.concat(frames));
  return file;
}

/** Lower case, digits and punctuation gone, as both sides are scored. */
export function normalise(text: string): string[] {
  return text
    .toLowerCase()
    .replace(/\bmr\.?(?=\s|$)/g, "mister")
    .replace(/[^a-z' ]+/g, " ")
    .trim()
    .split(/\s+/)
    .filter((word) => word !== "");
}

/** How many of `expected` stand in `heard` in the right order (longest common subsequence), as a share. */
export function shareOfWordsHeard(expected: readonly string[], heard: readonly string[]): number {
  let row = new Array<number>(heard.length + 1).fill(0);
  for (const word of expected) {
    const next = [0];
    for (let j = 1; j <= heard.length; j++) {
      next.push(heard[j - 1] === word ? (row[j - 1] ?? 0) + 1 : Math.max(row[j] ?? 0, next[j - 1] ?? 0));
    }
    row = next;
  }
  return (row[heard.length] ?? 0) / expected.length;
}
