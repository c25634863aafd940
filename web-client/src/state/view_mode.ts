// How much video the person wants, kept in this browser between visits.

import type { ViewMode } from "../protocol/generated";

const KEY = "hearken.video";

/** All of them, from the most video to the least. */
export const VIEW_MODES: readonly ViewMode[] = ["full", "low_data", "audio_only"];

type TextStorage = Pick<Storage, "getItem" | "setItem">;

export function readViewMode(storage: TextStorage | null): ViewMode {
  try {
    const kept = storage?.getItem(KEY);
    return VIEW_MODES.find((mode) => mode === kept) ?? "full";
  } catch {
    return "full";
  }
}

export function writeViewMode(storage: TextStorage | null, mode: ViewMode): void {
  try {
    storage?.setItem(KEY, mode);
  } catch {
    // Storage is full or forbidden: the wish lasts as long as the page.
  }
}
