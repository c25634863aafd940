// What was said, put together from revisions that may come twice, late or not at all.
//
// By id; the latest revision wins; what is final or interrupted never changes. Both lists are in the order
// in which people began to speak, and bounded.

import { CAPTION_HISTORY_MAX, type Caption } from "../protocol/generated";
import type { Captions } from "./model";

/** More people than this don't speak at once; beyond it the oldest open caption is dropped. */
export const OPEN_CAPTIONS_MAX = 100;

export const NO_CAPTIONS: Captions = { open: [], history: [] };

/** Takes over one revision. Returns the same object if it brings nothing new. */
export function addCaption(captions: Captions, caption: Caption): Captions {
  if (captions.history.some((known) => isSame(known, caption))) return captions;
  const known = captions.open.find((open) => isSame(open, caption));
  if (known !== undefined && known.revision >= caption.revision) return captions;
  const others = captions.open.filter((open) => open !== known);
  switch (caption.status) {
    case "partial":
      return { ...captions, open: inOrder([...others, caption]).slice(-OPEN_CAPTIONS_MAX) };
    case "final":
    case "interrupted":
      // An end without text: it was no speech after all. The server sends nothing more of it.
      if (caption.stable === "") return known === undefined ? captions : { ...captions, open: others };
      return { open: others, history: toHistory([...captions.history, caption]) };
  }
}

/** After (re)joining: the server's finals and what was known of them here; nothing is open any more. */
export function mergeSnapshot(captions: Captions, finals: readonly Caption[]): Captions {
  const unknown = finals.filter((caption) => !captions.history.some((known) => isSame(known, caption)));
  return { open: [], history: toHistory([...captions.history, ...unknown]) };
}

/** Captions stopped: what was still open stays as it stands. */
export function interruptOpen(captions: Captions): Captions {
  if (captions.open.length === 0) return captions;
  const interrupted = captions.open.map((caption): Caption => ({ ...caption, status: "interrupted" }));
  return { open: [], history: toHistory([...captions.history, ...interrupted]) };
}

/** A key for lists. */
export function captionKey({ id }: Caption): string {
  return `${id.epoch}.${id.number}`;
}

function isSame(a: Caption, b: Caption): boolean {
  return a.id.number === b.id.number && a.id.epoch === b.id.epoch;
}

function toHistory(captions: Caption[]): readonly Caption[] {
  return inOrder(captions).slice(-CAPTION_HISTORY_MAX);
}

function inOrder(captions: Caption[]): Caption[] {
  return captions.sort(
    (a, b) => a.started_at - b.started_at || a.id.epoch - b.id.epoch || a.id.number - b.id.number,
  );
}
