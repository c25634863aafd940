// What was said, put together from revisions that may come twice, late or not at all.
//
// By id; the latest revision wins; what is final or interrupted never changes, but that a person may correct it.
// What is said off the record stands for a while and is kept nowhere. The lists are in the order in which people
// began to speak, and bounded.

import { CAPTION_HISTORY_MAX, type Caption, type CaptionsState } from "../protocol/generated";
import type { Captions } from "./model";

/** More people than this don't speak at once; beyond it the oldest open caption of speech is dropped. */
export const OPEN_CAPTIONS_MAX = 100;

/** As many people as a session has, each of whom may be typing a line: no speech takes its place. */
export const OPEN_LINES_MAX = 500;

/** What was said off the record stands this long after it is finished: time to read two lines. */
export const OFF_RECORD_SHOWN_MS = 10_000;

export const NO_CAPTIONS: Captions = { open: [], passing: [], history: [] };

/** Takes over one revision. Returns the same object if it brings nothing new. */
export function addCaption(captions: Captions, caption: Caption): Captions {
  const past = captions.history.find((known) => isSame(known, caption));
  if (past !== undefined) return correctPast(captions, past, caption);
  const known = captions.open.find((open) => isSame(open, caption));
  if (known !== undefined && known.revision >= caption.revision) return captions;
  const others = captions.open.filter((open) => open !== known);
  switch (caption.status) {
    case "partial":
      return { ...captions, open: withinBounds(inOrder([...others, caption])) };
    case "final":
    case "interrupted":
      // An end without text: it was no speech after all. The server sends nothing more of it.
      if (caption.stable === "") return known === undefined ? captions : { ...captions, open: others };
      if (caption.off_record === true) {
        const passing = captions.passing.filter((one) => !isSame(one, caption));
        return { ...captions, open: others, passing: [...passing, caption].slice(-OPEN_CAPTIONS_MAX) };
      }
      return { ...captions, open: others, history: toHistory([...captions.history, caption]) };
  }
}

function withinBounds(open: readonly Caption[]): readonly Caption[] {
  const spoken = open.filter((caption) => !isWritten(caption)).slice(-OPEN_CAPTIONS_MAX);
  const written = open.filter(isWritten).slice(-OPEN_LINES_MAX);
  const kept = new Set([...spoken, ...written]);
  return kept.size === open.length ? open : open.filter((caption) => kept.has(caption));
}

/** A final changes only when somebody has put it right, or taken it back. */
function correctPast(captions: Captions, past: Caption, caption: Caption): Captions {
  if (caption.corrected !== true || caption.revision <= past.revision) return captions;
  const others = captions.history.filter((known) => known !== past);
  return { ...captions, history: caption.stable === "" ? others : toHistory([...others, caption]) };
}

/** After (re)joining: the server's finals and what was known of them here; nothing is open any more. */
export function mergeSnapshot(captions: Captions, finals: readonly Caption[]): Captions {
  let merged: Captions = { ...captions, open: [], passing: [] };
  for (const caption of finals) merged = addCaption(merged, caption);
  return merged;
}

/** What was said off the record has stood for long enough; put right since, it stands a while longer. */
export function forgetPassing(captions: Captions, caption: Caption): Captions {
  const stays = (one: Caption): boolean => !isSame(one, caption) || one.revision > caption.revision;
  return { ...captions, passing: captions.passing.filter(stays) };
}

/** What is left of what was open, by how the server listens now: late captions come nevertheless. */
export function whileListening(captions: Captions, state: CaptionsState): Captions {
  switch (state) {
    case "on":
    case "late":
      return captions;
    case "off":
    case "starting":
    case "unavailable":
      return interruptSpeech(captions);
  }
}

/** The server stopped listening: what was still open stays as it stands. What people type goes on. */
function interruptSpeech(captions: Captions): Captions {
  const typed = captions.open.filter(isWritten);
  const spoken = captions.open.filter((caption) => !isWritten(caption));
  return { ...interruptOpen({ ...captions, open: spoken }), open: typed };
}

/** Whether a person wrote it, and no machine. */
export function isWritten({ origin }: Caption): boolean {
  return origin === "typed" || origin === "captioner";
}

/** Captions stopped: what was still open stays as it stands. */
export function interruptOpen(captions: Captions): Captions {
  if (captions.open.length === 0) return captions;
  const interrupted = captions.open.map((caption): Caption => ({ ...caption, status: "interrupted" }));
  const kept = interrupted.filter((caption) => caption.off_record !== true);
  return { ...captions, open: [], history: toHistory([...captions.history, ...kept]) };
}

/** A text that stays the same over all revisions of a caption. */
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
