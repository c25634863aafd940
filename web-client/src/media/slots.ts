// Which receiving section carries whose media at present. Keyed by the section's `mid`: the ids of tracks at
// the receiver are random.

import type { ParticipantId, Slot, SlotContent, TrackSource } from "../protocol/generated";

/** A section and what it carries. */
export interface Assignment {
  readonly mid: string;
  readonly generation: number;
  readonly content: SlotContent;
}

/** The assignments of one peer connection; a new peer connection starts with an empty table. */
export class SlotTable {
  readonly #slots = new Map<string, Slot>();

  /** Takes a message over; false if a later one of the same slot was seen before. */
  apply(slot: Slot): boolean {
    const known = this.#slots.get(slot.mid);
    if (known !== undefined && known.generation >= slot.generation) return false;
    // Inserted anew, so that the map's order is that of the assignments.
    this.#slots.delete(slot.mid);
    this.#slots.set(slot.mid, slot);
    return true;
  }

  /** The section that carries a source; with two claims, the one assigned last. */
  find(participant: ParticipantId, source: TrackSource): Assignment | null {
    let found: Assignment | null = null;
    for (const { mid, generation, content } of this.#slots.values()) {
      if (content?.participant === participant && content.source === source) {
        found = { mid, generation, content };
      }
    }
    return found;
  }

  /** What a section carries, or null if it is free. */
  contentOf(mid: string): SlotContent | null {
    return this.#slots.get(mid)?.content ?? null;
  }

  /** Everything that is carried. */
  assignments(): Assignment[] {
    const all: Assignment[] = [];
    for (const { mid, generation, content } of this.#slots.values()) {
      if (content !== null) all.push({ mid, generation, content });
    }
    return all;
  }
}
