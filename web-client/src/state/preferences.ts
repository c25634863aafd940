// Which devices the person chose, kept in this browser so that a reload finds them again.

import type { DeviceChoices, Devices } from "../media/devices";

const KEY = "hearken.devices";

export const NO_CHOICES: DeviceChoices = { microphone: null, camera: null, speaker: null };

type TextStorage = Pick<Storage, "getItem" | "setItem">;

export function readChoices(storage: TextStorage | null): DeviceChoices {
  try {
    const value: unknown = JSON.parse(storage?.getItem(KEY) ?? "null");
    if (typeof value !== "object" || value === null) return NO_CHOICES;
    const { microphone, camera, speaker } = value as Partial<Record<keyof DeviceChoices, unknown>>;
    return { microphone: textOrNull(microphone), camera: textOrNull(camera), speaker: textOrNull(speaker) };
  } catch {
    return NO_CHOICES;
  }
}

export function writeChoices(storage: TextStorage | null, { microphone, camera, speaker }: Devices): void {
  const choices: DeviceChoices = {
    microphone: microphone.chosen,
    camera: camera.chosen,
    speaker: speaker.chosen,
  };
  try {
    storage?.setItem(KEY, JSON.stringify(choices));
  } catch {
    // Storage is full or forbidden: the browser's own choice it is next time.
  }
}

function textOrNull(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}
