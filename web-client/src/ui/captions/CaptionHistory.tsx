// All that was said since one came in (and what the server still had), to read again at leisure.

import { memo, useEffect, useRef, useState } from "react";
import { formatClock, t } from "../../i18n";
import type { Caption } from "../../protocol/generated";
import { useClient } from "../client";
import { Panel } from "../common/Panel";
import { Button } from "../common/widgets";
import { CaptionWords } from "./CaptionArea";
import { captionKey } from "./entries";

/** Within this distance from the end the list follows what is new. */
const FOLLOW_WITHIN_PX = 48;

export function CaptionHistory({ onClose }: { onClose: () => void }) {
  const { history, open } = useClient((state) => state.captions);
  const offset = useClient((state) => state.clockOffsetMs);
  const [following, setFollowing] = useState(true);
  const ref = useRef<HTMLElement>(null);
  const toNewest = (): void => {
    setFollowing(true);
    ref.current?.scrollTo({ top: ref.current.scrollHeight });
  };
  const all = [...history, ...open];
  // After every drawing: new entries and growing ones alike.
  useEffect(() => {
    if (following) {
      ref.current?.scrollTo({ top: ref.current.scrollHeight });
    }
  });
  return (
    <Panel heading={t.captions.history} closeLabel={t.captions.close} onClose={onClose}>
      <p className="soft small">{t.captions.historyHint}</p>
      <section
        ref={ref}
        className="history"
        aria-label={t.captions.historyList}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be within the keyboard's reach
        tabIndex={0}
        onScroll={({ currentTarget: list }) =>
          setFollowing(list.scrollHeight - list.scrollTop - list.clientHeight < FOLLOW_WITHIN_PX)
        }
      >
        {all.length === 0 ? <p className="soft">{t.captions.historyEmpty}</p> : null}
        {all.map((caption) => (
          <HistoryLine key={captionKey(caption)} caption={caption} offset={offset} />
        ))}
      </section>
      {following ? null : (
        <Button icon="history" onPress={toNewest}>
          {t.captions.newest}
        </Button>
      )}
    </Panel>
  );
}

const HistoryLine = memo(function HistoryLine({ caption, offset }: { caption: Caption; offset: number }) {
  return (
    <div className="history-line">
      <p className="history-head">
        <strong>{caption.name}</strong>{" "}
        <span className="soft small">{formatClock(caption.started_at - offset)}</span>
      </p>
      <p>
        <CaptionWords caption={caption} />
      </p>
    </div>
  );
});
