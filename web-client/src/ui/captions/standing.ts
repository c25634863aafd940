// Since when finished captions stand finished on this page: a reader's hold counts from there. Captions may come late;
// counted from the words, those would never be seen. Pure but for what it remembers; time comes in.

import type { Caption } from "../../protocol/generated";
import { captionKey } from "../../state/captions";

export class Standing {
  #since: ReadonlyMap<string, number> | null = null;

  /**
   * Takes note of all finished captions that may be shown, and forgets the others. What was finished before the first
   * look has stood since its last word. `now` is this computer's clock, `clockOffsetMs` the server's minus it.
   */
  see(finished: readonly Caption[], now: number, clockOffsetMs: number): void {
    const before = this.#since;
    const firstSeen = ({ ended_at }: Caption): number =>
      before === null ? Math.min(now, ended_at - clockOffsetMs) : now;
    this.#since = new Map(
      finished.map((caption) => {
        const key = captionKey(caption);
        return [key, before?.get(key) ?? firstSeen(caption)];
      }),
    );
  }

  /** Whether a finished caption has not yet stood for this long. */
  isHeld(caption: Caption, now: number, holdMs: number): boolean {
    const since = this.#since?.get(captionKey(caption));
    return since !== undefined && now - since < holdMs;
  }
}
