// The one place that speaks to screen readers: a polite and an assertive live region, there from the first
// page on. Captions have a log of their own.

import { useClient } from "../client";
import { describeNotice, type Urgency } from "../notices";

/** Older notices are taken out, so that browsing by screen reader does not wade through them. */
const KEPT = 4;

/** Open dialogs hide the rest of the page from screen readers, but not what carries this mark. */
export const HEARD_BEHIND_DIALOGS = { "data-react-aria-top-layer": "true" } as const;

export function Announcer() {
  return (
    <div {...HEARD_BEHIND_DIALOGS}>
      <Region urgency="polite" />
      <Region urgency="assertive" />
    </div>
  );
}

function Region({ urgency }: { urgency: Exclude<Urgency, "silent"> }) {
  const notices = useClient((state) => state.notices);
  const spoken = notices
    .map(({ id, message }) => ({ id, ...describeNotice(message) }))
    .filter((notice) => notice.urgency === urgency)
    .slice(-KEPT);
  return (
    <div className="visually-hidden" aria-live={urgency} aria-relevant="additions">
      {spoken.map(({ id, text }) => (
        <p key={id}>{text}</p>
      ))}
    </div>
  );
}
