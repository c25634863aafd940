// The queue of what is said to whoever listens to a screen reader.

import type { ClientState, NoticeMessage } from "./model";

/** An announcer that looks at every change never falls this far behind; older ones are dropped. */
export const NOTICES_MAX = 50;

/** Adds messages at the end. */
export function notify(state: ClientState, ...messages: readonly NoticeMessage[]): ClientState {
  if (messages.length === 0) return state;
  const last = state.notices.at(-1)?.id ?? 0;
  const added = messages.map((message, index) => ({ id: last + index + 1, message }));
  return { ...state, notices: [...state.notices, ...added].slice(-NOTICES_MAX) };
}
