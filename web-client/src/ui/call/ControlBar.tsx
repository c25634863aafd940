// One's own controls, always in the same place and order. Toggles keep their name; how they stand is said by
// `aria-pressed`, by the icon, and by the ground.

import { Button as AriaButton, ToggleButton } from "react-aria-components";
import { t } from "../../i18n";
import { cameraView, microphoneView } from "../../state/selectors";
import { useClient, useController } from "../client";
import { Icon, type IconName } from "../common/Icon";

/** The panel beside the call. */
export type OpenPanel = "none" | "manage" | "history";

/** The control that opens a panel, and gets the focus when it closes. */
export function controlId(panel: Exclude<OpenPanel, "none">): string {
  return `control-${panel}`;
}

interface ControlBarProps {
  readonly captionsShown: boolean;
  readonly onCaptionsShown: (shown: boolean) => void;
  readonly panel: OpenPanel;
  readonly onPanel: (panel: OpenPanel) => void;
  readonly onSettings: () => void;
}

export function ControlBar({ captionsShown, onCaptionsShown, panel, onPanel, onSettings }: ControlBarProps) {
  const controller = useController();
  const manages = useClient((state) => state.seat?.permissions.includes("manage_session") ?? false);
  const waiting = useClient((state) => state.knocks.length);
  const turn = (wanted: OpenPanel): void => onPanel(panel === wanted ? "none" : wanted);
  return (
    <section className="controls" aria-label={t.call.controls}>
      <MicrophoneToggle />
      <CameraToggle />
      <ControlToggle
        name={t.call.captions}
        short={t.call.short.captions}
        icon="captions"
        isOn={captionsShown}
        onChange={onCaptionsShown}
      />
      <HandToggle />
      <ScreenToggle />
      <Control
        name={t.call.captionHistory}
        short={t.call.short.captionHistory}
        icon="history"
        id={controlId("history")}
        expanded={panel === "history"}
        onPress={() => turn("history")}
      />
      {manages ? (
        <Control
          name={waiting > 0 ? t.call.facilitationWaiting(waiting) : t.call.facilitation}
          short={t.call.short.facilitation}
          icon="people"
          badge={waiting}
          id={controlId("manage")}
          expanded={panel === "manage"}
          onPress={() => turn("manage")}
        />
      ) : null}
      <Control name={t.call.settings} short={t.call.short.settings} icon="settings" onPress={onSettings} />
      <Control
        name={t.call.leave}
        short={t.call.short.leave}
        icon="leave"
        className="leave"
        onPress={controller.leave}
      />
    </section>
  );
}

function MicrophoneToggle() {
  const controller = useController();
  const on = useClient((state) => microphoneView(state).on);
  return (
    <ControlToggle
      name={t.call.microphone}
      short={t.call.short.microphone}
      icon={on ? "microphone" : "microphoneOff"}
      isOn={on}
      onChange={controller.setMicrophone}
    />
  );
}

function CameraToggle() {
  const controller = useController();
  const on = useClient(cameraView);
  return (
    <ControlToggle
      name={t.call.camera}
      short={t.call.short.camera}
      icon={on ? "camera" : "cameraOff"}
      isOn={on}
      onChange={controller.setCamera}
    />
  );
}

function HandToggle() {
  const controller = useController();
  const raised = useClient((state) => {
    const self = state.participants.find((one) => one.participant === state.seat?.participant);
    return self !== undefined && self.hand_raised_at !== null;
  });
  return (
    <ControlToggle
      name={t.call.raiseHand}
      short={t.call.short.raiseHand}
      icon="hand"
      isOn={raised}
      onChange={(up) => (up ? controller.raiseHand() : controller.lowerHand())}
    />
  );
}

/** Not there where it can't be used: phones share no screens, and not everybody may. */
function ScreenToggle() {
  const controller = useController();
  const supported = useClient((state) => state.devices.screenSupported);
  const permitted = useClient((state) => state.seat?.permissions.includes("share_screen") ?? false);
  const live = useClient((state) => state.devices.screen.kind === "live");
  if (!supported || !permitted) {
    return null;
  }
  return (
    <ControlToggle
      name={t.call.shareScreen}
      short={t.call.short.shareScreen}
      icon="screen"
      isOn={live}
      onChange={(on) => (on ? controller.startScreenShare() : controller.stopScreenShare())}
    />
  );
}

interface ControlToggleProps {
  readonly name: string;
  readonly short: string;
  readonly icon: IconName;
  readonly isOn: boolean;
  readonly onChange: (on: boolean) => void;
}

function ControlToggle({ name, short, icon, isOn, onChange }: ControlToggleProps) {
  return (
    <ToggleButton className="control" aria-label={name} isSelected={isOn} onChange={onChange}>
      <Icon name={icon} />
      <span className="control-label">{short}</span>
    </ToggleButton>
  );
}

interface ControlProps {
  readonly name: string;
  readonly short: string;
  readonly icon: IconName;
  readonly onPress: () => void;
  readonly id?: string;
  readonly badge?: number;
  readonly expanded?: boolean;
  readonly className?: string;
}

function Control({ id, name, short, icon, onPress, badge = 0, expanded, className = "" }: ControlProps) {
  return (
    <AriaButton
      className={`control ${className}`}
      aria-label={name}
      onPress={() => onPress()}
      {...(id === undefined ? {} : { id })}
      {...(expanded === undefined ? {} : { "aria-expanded": expanded })}
    >
      <Icon name={icon} />
      <span className="control-label">{short}</span>
      {/* The number is in the name; for the eye it comes by the style sheet. */}
      {badge > 0 ? <span className="badge" data-words={badge} /> : null}
    </AriaButton>
  );
}
