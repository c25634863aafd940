// Nothing but captions, as large as the screen allows: for a second screen, a projector, a braille display.

import { useState, useSyncExternalStore } from "react";
import { t } from "../../i18n";
import type { CaptionViewer, ViewerState } from "../../state/viewer";
import { CaptionEntries } from "../captions/CaptionEntries";
import { CaptionLog } from "../captions/CaptionLog";
import { CaptionSettingsDialog } from "../captions/CaptionSettingsDialog";
import { marks } from "../captions/marks";
import { styleOf } from "../captions/settings";
import { useCaptionSettings } from "../captions/useCaptionSettings";
import { useTitle } from "../common/hooks";
import { Icon } from "../common/Icon";
import { Page } from "../common/Page";
import { Button } from "../common/widgets";

export function CaptionsPage({ viewer }: { viewer: Pick<CaptionViewer, "getSnapshot" | "subscribe"> }) {
  const state = useSyncExternalStore(viewer.subscribe, viewer.getSnapshot);
  switch (state.phase.kind) {
    case "over":
      return (
        <Page calm title={t.titles.closed} heading={t.closed.gone.heading}>
          <p>{t.captionsPage.over}</p>
        </Page>
      );
    case "failed":
      return (
        <Page calm title={t.titles.closed} heading={t.closed.refused.heading}>
          <p>{t.errors[state.phase.code]}</p>
        </Page>
      );
    case "connecting":
    case "viewing":
    case "reconnecting":
      return <Viewing state={state} />;
  }
}

function Viewing({ state }: { state: ViewerState }) {
  const { session, captions, clockOffsetMs, phase } = state;
  const settings = useCaptionSettings();
  marks.meet(captions);
  const [choosing, setChoosing] = useState(false);
  useTitle(session === null ? t.titles.connecting : t.titles.captions(session.name));
  const notice = noticeOf(state);
  return (
    <main className="captions-page" style={styleOf(settings)}>
      <header className="captions-page-head">
        <h1>{session === null ? t.connecting.heading : t.captionsPage.heading(session.name)}</h1>
        <Button look="quiet" icon="settings" onPress={() => setChoosing(true)}>
          {t.captions.settings}
        </Button>
      </header>
      <div role="status">
        {notice === null ? null : (
          <p className="captions-notice">
            <Icon name={phase.kind === "reconnecting" ? "warning" : "info"} />
            <span>{notice}</span>
          </p>
        )}
      </div>
      {/* As many lines as the screen has room for: the rest of the settings hold. */}
      <section className="captions" aria-label={t.captions.region}>
        <CaptionEntries
          captions={captions}
          settings={{ ...settings, lines: LINES_ON_A_PAGE }}
          clockOffsetMs={clockOffsetMs}
          shows="lines"
        />
      </section>
      {/* Not before it is known what was said: that is no news. */}
      {session === null ? null : <CaptionLog captions={captions} self={null} spoken />}
      <CaptionSettingsDialog isOpen={choosing} onClose={() => setChoosing(false)} />
    </main>
  );
}

/** More entries than fit on any screen. */
const LINES_ON_A_PAGE = 30;

function noticeOf({ phase, session }: ViewerState): string | null {
  if (phase.kind === "reconnecting") return t.captionsPage.reconnecting;
  if (session === null) return null;
  if (session.off_record) return t.captions.offRecordNotice;
  return session.captions === "on" ? null : t.captions.notice[session.captions];
}
