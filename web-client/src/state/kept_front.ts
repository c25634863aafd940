// Whose pictures stand in front, kept in this tab, so that a reload finds them again; not beyond the tab, where
// others may be in the session.

import type { SessionId } from "../protocol/generated";
import { NOBODY_IN_FRONT, PINNED_MAX } from "./front";
import type { Front } from "./model";

type TextStorage = Pick<Storage, "getItem" | "setItem" | "removeItem">;

function keyOf(session: SessionId): string {
  return `hearken.front.${session}`;
}

export function readFront(storage: TextStorage | null, session: SessionId): Front {
  try {
    const value: unknown = JSON.parse(storage?.getItem(keyOf(session)) ?? "null");
    if (typeof value !== "object" || value === null) return NOBODY_IN_FRONT;
    const { pinned, interpreter } = value as Partial<Record<keyof Front, unknown>>;
    const isText = (one: unknown): one is string => typeof one === "string";
    return {
      pinned: Array.isArray(pinned) ? pinned.filter(isText).slice(-PINNED_MAX) : [],
      interpreter: isText(interpreter) ? interpreter : null,
    };
  } catch {
    return NOBODY_IN_FRONT;
  }
}

export function writeFront(storage: TextStorage | null, session: SessionId, front: Front): void {
  const isEmpty = front.pinned.length === 0 && front.interpreter === null;
  try {
    if (isEmpty) storage?.removeItem(keyOf(session));
    else storage?.setItem(keyOf(session), JSON.stringify(front));
  } catch {
    // Storage is full or forbidden: they last as long as the page.
  }
}
