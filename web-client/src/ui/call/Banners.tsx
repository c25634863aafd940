// What needs to be known or done now, above the tiles: a lost connection, held-back sound, a request, a
// device that failed, a knock. Each stands until it is settled; none covers anything.

import { type ReactNode, useState } from "react";
import { formatNames, t } from "../../i18n";
import type { Capture } from "../../state/model";
import { useClient, useController } from "../client";
import { Icon, type IconName } from "../common/Icon";
import { Button } from "../common/widgets";
import { TranscriptBanner } from "./TranscriptBanner";

interface BannersProps {
  /** The facilitator's panel is open: it shows who knocks. */
  readonly manageOpen: boolean;
  readonly onManage: () => void;
  readonly onSettings: () => void;
}

export function Banners({ manageOpen, onManage, onSettings }: BannersProps) {
  return (
    <div className="banners">
      <ConnectionBanner />
      <SoundBanner />
      <UnmuteBanner />
      <TranscriptBanner />
      <DeviceBanner device="microphone" onSettings={onSettings} />
      <DeviceBanner device="camera" onSettings={onSettings} />
      <OwnScreenBanner />
      <AudioOnlyBanner />
      {manageOpen ? null : <KnockBanner onManage={onManage} />}
    </div>
  );
}

interface BannerProps {
  readonly icon: IconName;
  readonly kind?: "plain" | "warning";
  readonly text: ReactNode;
  readonly children?: ReactNode;
}

function Banner({ icon, kind = "plain", text, children }: BannerProps) {
  return (
    <div className={`banner ${kind}`}>
      <Icon name={icon} />
      <span className="banner-text">{text}</span>
      {children === undefined ? null : <div className="buttons">{children}</div>}
    </div>
  );
}

function ConnectionBanner() {
  const link = useClient((state) => state.link);
  const transport = useClient((state) => state.transport);
  if (link === "reconnecting") {
    return (
      <Banner
        icon="warning"
        kind="warning"
        text={
          <>
            <strong>{t.call.reconnecting}</strong> {t.call.reconnectingDetail}
          </>
        }
      />
    );
  }
  switch (transport) {
    case "interrupted":
      return <Banner icon="warning" kind="warning" text={t.call.mediaFailed} />;
    case "connecting":
      return <Banner icon="info" text={t.call.mediaConnecting} />;
    case "idle":
    case "connected":
      return null;
  }
}

function SoundBanner() {
  const controller = useController();
  const blocked = useClient((state) => state.soundBlocked);
  if (!blocked) {
    return null;
  }
  return (
    <Banner icon="sound" kind="warning" text={t.call.hearGroupHint}>
      <Button look="primary" onPress={controller.resumeSound}>
        {t.call.hearGroup}
      </Button>
    </Banner>
  );
}

function UnmuteBanner() {
  const controller = useController();
  const requested = useClient((state) => state.unmuteRequested);
  if (!requested) {
    return null;
  }
  return (
    <Banner icon="microphone" text={t.call.unmuteRequest}>
      <Button look="primary" onPress={() => controller.setMicrophone(true)}>
        {t.call.unmute}
      </Button>
      <Button onPress={controller.dismissUnmuteRequest}>{t.call.stayMuted}</Button>
    </Banner>
  );
}

interface DeviceBannerProps {
  readonly device: "microphone" | "camera";
  readonly onSettings: () => void;
}

function DeviceBanner({ device, onSettings }: DeviceBannerProps) {
  const controller = useController();
  const capture = useClient((state) => state.devices[device].capture);
  // What had failed before one came in was explained at the door.
  const [dismissed, setDismissed] = useState<Capture | null>(capture);
  if (capture.kind !== "failed" || capture === dismissed) {
    return null;
  }
  const isMicrophone = device === "microphone";
  return (
    <Banner
      icon={isMicrophone ? "microphoneOff" : "cameraOff"}
      kind="warning"
      text={t.devices.problems[device][capture.problem]}
    >
      <Button
        name={isMicrophone ? t.devices.retryMicrophone : t.devices.retryCamera}
        onPress={() => (isMicrophone ? controller.setMicrophone(true) : controller.setCamera(true))}
      >
        {t.devices.retry}
      </Button>
      <Button onPress={onSettings}>{t.devices.choose}</Button>
      <Button look="quiet" onPress={() => setDismissed(capture)}>
        {t.call.dismiss}
      </Button>
    </Banner>
  );
}

function OwnScreenBanner() {
  const controller = useController();
  const sharing = useClient((state) => state.devices.screen.kind === "live");
  if (!sharing) {
    return null;
  }
  return (
    <Banner icon="screen" text={t.call.yourScreen}>
      <Button onPress={controller.stopScreenShare}>{t.call.stopSharing}</Button>
    </Banner>
  );
}

function AudioOnlyBanner() {
  const controller = useController();
  const mode = useClient((state) => state.viewMode);
  const participants = useClient((state) => state.participants);
  const self = useClient((state) => state.seat?.participant ?? null);
  if (mode !== "audio_only") {
    return null;
  }
  const sharing = participants.filter((one) => one.screen && one.participant !== self);
  const names = formatNames(sharing.map(({ name }) => name));
  return (
    <Banner
      icon="sound"
      text={names === "" ? t.viewMode.audioOnly : `${t.viewMode.audioOnly} ${t.viewMode.sharing(names)}`}
    >
      <Button onPress={() => controller.setViewMode("full")}>{t.viewMode.showPictures}</Button>
    </Banner>
  );
}

function KnockBanner({ onManage }: { onManage: () => void }) {
  const knocks = useClient((state) => state.knocks);
  if (knocks.length === 0) {
    return null;
  }
  return (
    <Banner icon="door" text={t.call.knock(formatNames(knocks.map(({ name }) => name)))}>
      <Button look="primary" onPress={onManage}>
        {t.call.knockOpen}
      </Button>
    </Banner>
  );
}
