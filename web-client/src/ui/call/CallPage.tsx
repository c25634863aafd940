// The room: who is here, what is said, one's own controls, and beside it a panel.

import { useRef, useState } from "react";
import { t } from "../../i18n";
import { CaptionArea } from "../captions/CaptionArea";
import { CaptionHistory } from "../captions/CaptionHistory";
import { CaptionLog } from "../captions/CaptionLog";
import { CaptionSettingsForm } from "../captions/CaptionSettingsDialog";
import { SecondScreen, TranscriptChoice } from "../captions/CaptionTools";
import { useClient } from "../client";
import { DialogWindow } from "../common/dialogs";
import { useFocusOnArrival, useWide } from "../common/hooks";
import { Icon } from "../common/Icon";
import { useKeptFocus } from "../common/useKeptFocus";
import { Button } from "../common/widgets";
import { ManagePanel } from "../facilitation/ManagePanel";
import { WAITING_ROOM_HEADING } from "../facilitation/WaitingRoom";
import { DeviceCheck } from "../join/DeviceCheck";
import { Guidelines } from "../join/Guidelines";
import { Banners } from "./Banners";
import { ControlBar, controlId, type OpenPanel } from "./ControlBar";
import { useCaptionsPreference } from "./captionsPreference";
import { LineButton, LineDetails } from "./Line";
import { SessionClock } from "./SessionClock";
import { Stage } from "./Stage";
import { Toasts } from "./Toasts";
import { useKnockTitle } from "./useKnockTitle";

type OpenDialog = "none" | "line" | "settings" | "captions" | "guidelines";

export function CallPage() {
  useKnockTitle();
  const wide = useWide();
  const manages = useClient((state) => state.seat?.permissions.includes("manage_session") ?? false);
  const link = useClient((state) => state.link);
  const [panel, setPanel] = useState<OpenPanel>(manages && wide ? "manage" : "none");
  const [dialog, setDialog] = useState<OpenDialog>("none");
  const room = useRef<HTMLElement>(null);
  useKeptFocus(room, room);
  const closePanel = (): void => {
    setPanel("none");
    if (panel !== "none") {
      focusIfLost(controlId(panel));
    }
  };
  const openWaitingRoom = (): void => {
    setPanel("manage");
    focusIfLost(WAITING_ROOM_HEADING);
  };
  const [captionsShown, setCaptionsShown] = useCaptionsPreference();
  return (
    <div className="call" data-panel={panel === "none" ? undefined : panel} data-link={link}>
      <Head onGuidelines={() => setDialog("guidelines")} onLine={() => setDialog("line")} />
      <main ref={room} tabIndex={-1} className="room" aria-label={t.call.main}>
        <Banners
          manageOpen={panel === "manage"}
          onManage={openWaitingRoom}
          onSettings={() => setDialog("settings")}
        />
        <Stage />
        <Toasts />
        <CaptionArea spoken={captionsShown} onSettings={() => setDialog("captions")} />
        <OwnCaptionLog spoken={captionsShown} />
      </main>
      <ControlBar
        captionsShown={captionsShown}
        onCaptionsShown={setCaptionsShown}
        panel={panel}
        onPanel={setPanel}
        onSettings={() => setDialog("settings")}
      />
      {panel === "manage" ? <ManagePanel onClose={closePanel} /> : null}
      {panel === "history" ? <CaptionHistory onClose={closePanel} /> : null}
      <DialogWindow
        isOpen={dialog === "line"}
        onClose={() => setDialog("none")}
        heading={t.line.heading}
        closeLabel={t.devices.close}
      >
        <LineDetails />
      </DialogWindow>
      <DialogWindow
        isOpen={dialog === "settings"}
        onClose={() => setDialog("none")}
        heading={t.devices.settings}
        closeLabel={t.devices.close}
      >
        <DeviceCheck />
      </DialogWindow>
      <DialogWindow
        isOpen={dialog === "captions"}
        onClose={() => setDialog("none")}
        heading={t.captionSettings.heading}
        closeLabel={t.devices.close}
      >
        <CaptionSettingsForm where="call" />
        <SecondScreen />
        <TranscriptChoice />
      </DialogWindow>
      <DialogWindow
        isOpen={dialog === "guidelines"}
        onClose={() => setDialog("none")}
        heading={t.join.guidelines}
        closeLabel={t.devices.close}
      >
        <SessionName />
        <Guidelines />
      </DialogWindow>
    </div>
  );
}

/** The button that had the focus may be gone with what it was in. A dialog gives the focus back by itself. */
function focusIfLost(id: string): void {
  requestAnimationFrame(() => {
    if (document.activeElement === null || document.activeElement === document.body) {
      document.getElementById(id)?.focus();
    }
  });
}

/** Beside the captions: what a screen reader hears of them. */
function OwnCaptionLog({ spoken }: { spoken: boolean }) {
  const captions = useClient((state) => state.captions);
  const self = useClient((state) => state.seat?.participant ?? null);
  return <CaptionLog captions={captions} self={self} spoken={spoken} />;
}

/** In full: small screens have no room for that in the head. */
function SessionName() {
  const name = useClient((state) => state.session?.name ?? "");
  return (
    <p>
      <strong>{name}</strong>
    </p>
  );
}

interface HeadProps {
  readonly onGuidelines: () => void;
  readonly onLine: () => void;
}

function Head({ onGuidelines, onLine }: HeadProps) {
  const headingRef = useFocusOnArrival<HTMLHeadingElement>();
  const name = useClient((state) => state.session?.name ?? "");
  const locked = useClient((state) => state.session?.locked ?? false);
  const microphonesLocked = useClient((state) => state.session?.microphones_locked ?? false);
  return (
    <header className="call-head">
      <h1 ref={headingRef} tabIndex={-1}>
        {name}
      </h1>
      {locked ? (
        <p className="head-sign">
          <Icon name="lock" />
          <span className="head-words">{t.call.locked}</span>
        </p>
      ) : null}
      {microphonesLocked ? (
        <p className="head-sign">
          <Icon name="microphoneOff" />
          <span className="head-words">{t.call.microphonesLocked}</span>
        </p>
      ) : null}
      <RecordSigns />
      <SessionClock />
      <LineButton onPress={onLine} />
      <Button look="quiet" icon="guidelines" name={t.call.guidelines} onPress={onGuidelines}>
        <span className="head-words">{t.call.guidelines}</span>
      </Button>
    </header>
  );
}

/**
 * Whether the server listens, and whether anything is kept: everybody can see it at any time. While captions are
 * starting it listens already: what is said then is written later.
 */
function RecordSigns() {
  const captions = useClient((state) => state.session?.captions ?? "off");
  const offRecord = useClient((state) => state.session?.off_record ?? false);
  const transcript = useClient((state) => state.session?.transcript ?? "none");
  return (
    <>
      {captions === "on" || captions === "late" || captions === "starting" ? (
        <p className="head-sign" title={t.captions.notice.on}>
          <Icon name="captions" />
          <span className="head-words">{t.call.listens}</span>
        </p>
      ) : null}
      {offRecord ? (
        <p className="head-sign">
          <Icon name="offRecord" />
          <span className="head-words">{t.call.offRecord}</span>
        </p>
      ) : null}
      {transcript === "running" ? (
        <p className="head-sign">
          <Icon name="guidelines" />
          <span className="head-words">{t.call.transcriptRuns}</span>
        </p>
      ) : null}
    </>
  );
}
