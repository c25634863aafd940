// The caption settings of this browser, shared by everything on the page and by the caption page beside it.

import { useSyncExternalStore } from "react";
import { type CaptionSettings, DEFAULTS, parseSettings } from "./settings";

const KEY = "hearken.caption-settings";

let current = read();
const listeners = new Set<() => void>();

function read(): CaptionSettings {
  try {
    return parseSettings(localStorage.getItem(KEY));
  } catch {
    return DEFAULTS;
  }
}

function set(next: CaptionSettings): void {
  current = next;
  for (const listener of listeners) listener();
}

/** Another tab of this browser has changed them. */
function onStorage({ key }: StorageEvent): void {
  if (key === KEY) set(read());
}

function subscribe(listener: () => void): () => void {
  if (listeners.size === 0) window.addEventListener("storage", onStorage);
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) window.removeEventListener("storage", onStorage);
  };
}

export function useCaptionSettings(): CaptionSettings {
  return useSyncExternalStore(
    subscribe,
    () => current,
    () => DEFAULTS,
  );
}

/** Applies at once, and stays in this browser. */
export function changeCaptionSettings(change: Partial<CaptionSettings>): void {
  set({ ...current, ...change });
  try {
    localStorage.setItem(KEY, JSON.stringify(current));
  } catch {
    // Storage is forbidden: they last as long as the page.
  }
}
