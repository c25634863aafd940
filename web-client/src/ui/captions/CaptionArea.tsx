// Live captions for the eye: the last few entries, each with its speaker's name, growing in place. Not a live
// region: a screen reader hears the finals through the log, when they will not change any more.

import { useEffect, useRef } from "react";
import { t } from "../../i18n";
import type { Caption, CaptionsState } from "../../protocol/generated";
import { useClient } from "../client";
import { useMediaQuery } from "../common/hooks";
import { Icon } from "../common/Icon";
import { captionKey, ENTRIES_NARROW, ENTRIES_WIDE, shownEntries } from "./entries";

/** As in the style sheet, which gives less room to captions then. */
const NARROW = "(max-width: 40rem), (max-height: 34rem)";

export function CaptionArea() {
  const captions = useClient((state) => state.captions);
  const state = useClient((one) => one.session?.captions ?? "off");
  const narrow = useMediaQuery(NARROW);
  // A notice takes the room of one entry.
  const room = (narrow ? ENTRIES_NARROW : ENTRIES_WIDE) - (state === "on" ? 0 : 1);
  const entries = shownEntries(captions, room);
  const notice = noticeOf(state, entries.length > 0);
  return (
    <section className="captions" aria-label={t.captions.region} data-captions={state}>
      {notice === null ? null : (
        <p className="captions-notice">
          <Icon name={state === "on" ? "captions" : "info"} />
          <span>{notice}</span>
        </p>
      )}
      <div className="entries">
        {entries.map((caption) => (
          <Entry key={captionKey(caption)} caption={caption} />
        ))}
      </div>
    </section>
  );
}

function noticeOf(state: CaptionsState, hasEntries: boolean): string | null {
  if (state !== "on") {
    return t.captions.notice[state];
  }
  return hasEntries ? null : t.captions.notice.on;
}

function Entry({ caption }: { caption: Caption }) {
  const ref = useRef<HTMLParagraphElement>(null);
  // A long entry shows its end, where it grows.
  useEffect(() => {
    if (ref.current !== null) {
      ref.current.scrollTop = ref.current.scrollHeight;
    }
  });
  return (
    <div className="entry" data-state={caption.status}>
      <span className="entry-name">{caption.name}</span>
      <p className="entry-text" ref={ref}>
        <CaptionWords caption={caption} />
      </p>
    </div>
  );
}

/** What is agreed, then, lighter, what may still change. */
export function CaptionWords({ caption }: { caption: Caption }) {
  const stable = caption.stable.trim();
  const tentative = caption.tentative.trim();
  return (
    <>
      <span>{stable}</span>
      {stable !== "" && tentative !== "" ? " " : null}
      {tentative === "" ? null : <span className="tentative">{tentative}</span>}
      {caption.status === "interrupted" ? (
        <span className="interrupted"> ({t.captions.interrupted})</span>
      ) : null}
    </>
  );
}
