// All tiles are one stop of the tab key, as in any toolbar: the arrow keys go from one to the next. With 25
// people in the call, the way to one's own microphone must not lead past each of them.

import type { KeyboardEvent } from "react";

export const TILE_OPTIONS_CLASS = "tile-options";

const STEPS: Readonly<Record<string, -1 | 1>> = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 };

export function onTileKey(event: KeyboardEvent<HTMLElement>): void {
  const stops = [...event.currentTarget.querySelectorAll<HTMLElement>(`.${TILE_OPTIONS_CLASS}`)];
  // An open menu stands elsewhere in the page, and has keys of its own.
  const at = stops.indexOf(event.target as HTMLElement);
  if (at === -1 || event.altKey || event.ctrlKey || event.metaKey) {
    return;
  }
  const rtl = getComputedStyle(event.currentTarget).direction === "rtl";
  const step = STEPS[event.key];
  if (step !== undefined) {
    const turned = rtl && (event.key === "ArrowLeft" || event.key === "ArrowRight") ? -step : step;
    stops[(at + turned + stops.length) % stops.length]?.focus();
    event.preventDefault();
  } else if (event.key === "Tab") {
    // From the last one the browser goes on behind them all, from the first one before.
    (event.shiftKey ? stops.at(0) : stops.at(-1))?.focus();
  }
}
