// A shape and a colour for each speaker: told apart without reading the name, and without seeing the colour. The same
// on every page and after a reload: they come from the person's id, and where two would have the same, from the order
// in which they first spoke, which all pages know.

import type { Captions } from "../../state/model";

/** Shapes that stay apart when they are small. */
const SHAPES = ["●", "▲", "■", "◆", "★", "✚", "⬟", "◗"] as const;
/** As many colours as the style sheet has. */
const COLOURS = 7;
/** A shape and a colour: so many speakers before a pair comes again. */
export const MARKS = SHAPES.length * COLOURS;
/** More speakers than this are forgotten, the first ones first. */
const SPEAKERS_MAX = 1000;

export interface Mark {
  readonly shape: string;
  /** 0 to 6: the style sheet's `--speaker-N`. */
  readonly colour: number;
}

/** The marks given on one page. */
export class Marks {
  readonly #given = new Map<string, number>();

  /** Gives a mark to everybody who speaks in these captions, those who spoke first before the others. */
  meet({ history, passing, open }: Captions): void {
    for (const { participant } of history) this.#give(participant);
    for (const { participant } of passing) this.#give(participant);
    for (const { participant } of open) this.#give(participant);
  }

  /** The mark of a speaker; of one not met, as of an example, what the id asks for. */
  of(participant: string): Mark {
    const pair = this.#given.get(participant) ?? preferred(participant);
    return { shape: SHAPES[pair % SHAPES.length] ?? "●", colour: pair % COLOURS };
  }

  #give(participant: string): void {
    if (this.#given.has(participant)) return;
    const pair = this.#choose(preferred(participant));
    if (this.#given.size >= SPEAKERS_MAX) {
      for (const first of this.#given.keys()) {
        this.#given.delete(first);
        break;
      }
    }
    this.#given.set(participant, pair);
  }

  /** The pair that the id asks for; if somebody has it, the next that is free: another shape and another colour. */
  #choose(wanted: number): number {
    const taken = new Set(this.#given.values());
    for (let step = 0; step < MARKS; step += 1) {
      const pair = (wanted + step) % MARKS;
      if (!taken.has(pair)) return pair;
    }
    return wanted;
  }
}

/** A number for an id, spread evenly (FNV-1a). */
function preferred(participant: string): number {
  let hash = 0x811c9dc5;
  for (const letter of participant) {
    hash = Math.imul(hash ^ (letter.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  }
  return ((hash ^ (hash >>> 15)) >>> 0) % MARKS;
}

/** Those of this page. */
export const marks = new Marks();
