// The caption settings of this browser, shared by everything on the page. A caption page, on a projector perhaps, looks
// like the call until something is changed there: then it has its own.

import { useSyncExternalStore } from "react";
import { type CaptionSettings, DEFAULTS, parseSettings } from "./settings";

const KEY = "hearken.caption-settings";
const PAGE_KEY = "hearken.caption-page-settings";

/** Under which this page keeps what is changed on it. */
let ownKey = KEY;
let current = read();
const listeners = new Set<() => void>();

/** This is a caption page. To be said before anything is drawn. */
export function keepSettingsOfPage(): void {
  ownKey = PAGE_KEY;
  current = read();
}

function read(): CaptionSettings {
  try {
    return parseSettings(localStorage.getItem(ownKey) ?? localStorage.getItem(KEY));
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
  if (key === KEY || key === ownKey) set(read());
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
    localStorage.setItem(ownKey, JSON.stringify(current));
  } catch {
    // Storage is forbidden: they last as long as the page.
  }
}
