// Whose pictures this person has put in front. Pure.

import type { Importance, ParticipantId } from "../protocol/generated";
import type { Front } from "./model";

/** More pictures in front would be small again: the one pinned first goes back. */
export const PINNED_MAX = 2;

export const NOBODY_IN_FRONT: Front = { pinned: [], interpreter: null };

export function pin(front: Front, participant: ParticipantId, pinned: boolean): Front {
  const others = front.pinned.filter((one) => one !== participant);
  return { ...front, pinned: pinned ? [...others, participant].slice(-PINNED_MAX) : others };
}

/** Whether somebody stands in front. */
export function isInFront({ pinned, interpreter }: Front, participant: ParticipantId): boolean {
  return interpreter === participant || pinned.includes(participant);
}

/** Somebody is gone. */
export function withoutPerson(front: Front, participant: ParticipantId): Front {
  if (!isInFront(front, participant)) return front;
  const interpreter = front.interpreter === participant ? null : front.interpreter;
  return { ...pin(front, participant, false), interpreter };
}

/** Only those who are here: who was in front may have gone unseen. */
export function onlyPresent(front: Front, present: readonly ParticipantId[]): Front {
  const gone = [...front.pinned, front.interpreter].filter((one) => one !== null && !present.includes(one));
  return gone.reduce((left: Front, one) => (one === null ? left : withoutPerson(left, one)), front);
}

/** What the server needs to know of it: it serves these first when the line is narrow. */
export function importanceOf({ pinned, interpreter }: Front): ReadonlyMap<ParticipantId, Importance> {
  const importance = new Map<ParticipantId, Importance>();
  if (interpreter !== null) importance.set(interpreter, "interpreter");
  for (const participant of pinned) importance.set(participant, "pinned");
  return importance;
}
