// Keeps a free box of captions off the controls and the banners of the room. Where it fits nowhere it stands at the
// bottom, beside everything else, until something has changed that could make place for it.

import {
  type CSSProperties,
  type RefObject,
  useCallback,
  useEffect,
  useLayoutEffect,
  useRef,
  useState,
} from "react";
import { freePlace, type Place, type Rect } from "./freePlace";
import type { CaptionSettings } from "./settings";

/** Around a control: the ring that shows the focus. */
const RING_PX = 6;
/** What takes more of the room than this is no control but a part of the page that scrolls. */
const LARGE = 0.4;
/** Tiles take their places in this time: before it, that there is no place means nothing. */
const SETTLED_MS = 250;
/** While no place is known: nothing is covered, and whoever writes in the box keeps the focus. */
const AWAY: CSSProperties = { opacity: 0, pointerEvents: "none" };
const CONTROLS = "button, a[href], input, select, textarea, [tabindex]:not([tabindex='-1'])";

type Placing =
  | { readonly kind: "free"; readonly place: Place }
  /** At the bottom; another reason than this one could make place. */
  | { readonly kind: "docked"; readonly reason: string };

interface FreePlace {
  readonly isDocked: boolean;
  readonly style: CSSProperties;
}

export function useFreePlace(ref: RefObject<HTMLElement | null>, settings: CaptionSettings): FreePlace {
  const isFree = settings.position === "free";
  const [placing, setPlacing] = useState<Placing>({ kind: "free", place: { left: 0, top: 0 } });
  const [isSearching, setSearching] = useState(false);
  const current = useRef(placing);
  const latest = useRef(settings);
  latest.current = settings;
  const settling = useRef<ReturnType<typeof setTimeout> | null>(null);
  const look = useCallback(
    (isSettled: boolean): void => {
      const box = ref.current;
      if (box === null) return;
      const old = current.current;
      const found = next(old, box, latest.current);
      const isUnsure = found.kind === "docked" && old.kind === "free" && !isSettled;
      setSearching(isUnsure);
      if (isUnsure) {
        settling.current ??= setTimeout(() => {
          settling.current = null;
          look(true);
        }, SETTLED_MS);
        return;
      }
      current.current = found;
      setPlacing(found);
    },
    [ref],
  );
  useEffect(
    () => () => {
      if (settling.current !== null) clearTimeout(settling.current);
      settling.current = null;
    },
    [],
  );
  // After every drawing: the settings and what stands in the room may be others.
  useLayoutEffect(() => {
    if (isFree) look(false);
  });
  useEffect(() => {
    const room = ref.current?.parentElement;
    if (!isFree || room === null || room === undefined) return undefined;
    const sizes = new ResizeObserver(() => look(false));
    for (const part of [room, ...room.children]) sizes.observe(part);
    const changes = new MutationObserver(() => look(false));
    for (const part of room.querySelectorAll(":scope > :not(.captions)")) {
      changes.observe(part, { childList: true, subtree: true, attributeFilter: ["style"] });
    }
    return () => {
      sizes.disconnect();
      changes.disconnect();
    };
  }, [ref, isFree, look]);
  if (!isFree || placing.kind === "docked") return { isDocked: isFree, style: {} };
  const { left, top } = placing.place;
  const style: Record<`--${string}`, string> = { "--caption-left": `${left}px`, "--caption-top": `${top}px` };
  return { isDocked: false, style: { ...(style as CSSProperties), ...(isSearching ? AWAY : {}) } };
}

function next(old: Placing, box: HTMLElement, settings: CaptionSettings): Placing {
  const room = box.parentElement;
  if (room === null) return old;
  const bounds = room.getBoundingClientRect();
  const obstacles = obstaclesIn(room, box, bounds);
  const { freeX, freeY, size, lines, font } = settings;
  const buttons = room.querySelectorAll("button, .banner").length;
  const reason = [bounds.width, bounds.height, buttons, freeX, freeY, size, lines, font].join(" ");
  if (old.kind === "docked") {
    // Whether it fits is seen when it stands free again.
    return old.reason === reason ? old : { kind: "free", place: { left: 0, top: 0 } };
  }
  const { width, height } = box.getBoundingClientRect();
  const wish = {
    left: ((bounds.width - width) * freeX) / 100,
    top: ((bounds.height - height) * freeY) / 100,
  };
  const place = freePlace(wish, { width, height }, bounds, obstacles);
  if (place === null) return { kind: "docked", reason };
  return place.left === old.place.left && place.top === old.place.top ? old : { kind: "free", place };
}

/** What the box must not cover: controls with the ring around them, and banners. */
function obstaclesIn(room: HTMLElement, box: HTMLElement, bounds: DOMRect): readonly Rect[] {
  const large = bounds.width * bounds.height * LARGE;
  return [...room.querySelectorAll(`${CONTROLS}, .banner`)]
    .filter((one) => !box.contains(one) && one.closest(".toasts") === null)
    .map(visiblePart)
    .filter(({ width, height }) => width > 0 && height > 0 && width * height < large)
    .map(({ left, top, width, height }) => ({
      left: left - bounds.left - RING_PX,
      top: top - bounds.top - RING_PX,
      width: width + 2 * RING_PX,
      height: height + 2 * RING_PX,
    }));
}

/** The part of an element that is not scrolled out of sight. */
function visiblePart(element: Element): Rect {
  const own = element.getBoundingClientRect();
  const frame = element.closest(".banners, .tiles, .screens")?.getBoundingClientRect() ?? own;
  const left = Math.max(own.left, frame.left);
  const top = Math.max(own.top, frame.top);
  return {
    left,
    top,
    width: Math.min(own.right, frame.right) - left,
    height: Math.min(own.bottom, frame.bottom) - top,
  };
}
