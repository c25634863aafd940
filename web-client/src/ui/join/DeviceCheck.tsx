// Camera preview, microphone level, and the choice of devices: before joining, and again in mid-call.

import { useEffect, useRef, useState } from "react";
import { t } from "../../i18n";
import type { DeviceProblem, InputDevice } from "../../state/model";
import { cameraView, microphoneView } from "../../state/selectors";
import { useClient, useController } from "../client";
import { Icon } from "../common/Icon";
import { ViewModeChoice } from "../common/ViewModeChoice";
import { Button, type Choice, Chooser, NoticeBox, Toggle } from "../common/widgets";
import { playChime } from "./chime";
import { MicrophoneLevel } from "./MicrophoneLevel";

export function DeviceCheck() {
  const controller = useController();
  const devices = useClient((state) => state.devices);
  const microphoneOn = useClient((state) => microphoneView(state).on);
  const cameraOn = useClient(cameraView);
  const live = devices.microphone.capture.kind === "live" || devices.camera.capture.kind === "live";
  const asking = devices.microphone.capture.kind === "asking" || devices.camera.capture.kind === "asking";
  return (
    <div className="device-check">
      <CameraPreview />
      <div className="pair">
        <Toggle
          label={t.devices.microphone}
          icon={microphoneOn ? "microphone" : "microphoneOff"}
          isOn={microphoneOn}
          onChange={controller.setMicrophone}
        />
        <Toggle
          label={t.devices.camera}
          icon={cameraOn ? "camera" : "cameraOff"}
          isOn={cameraOn}
          onChange={controller.setCamera}
        />
      </div>
      <p className="soft small" role="status">
        {asking ? t.devices.asking : null}
        {asking || live ? null : t.devices.useHint}
      </p>
      <Problem
        device="microphone"
        input={devices.microphone}
        onRetry={() => controller.setMicrophone(true)}
      />
      <Problem device="camera" input={devices.camera} onRetry={() => controller.setCamera(true)} />
      <MicrophoneLevel />
      <Choices />
      <ViewModeChoice />
    </div>
  );
}

function CameraPreview() {
  const controller = useController();
  const capture = useClient((state) => state.devices.camera.capture);
  const on = useClient(cameraView);
  const shown = on && capture.kind === "live";
  const ref = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    if (!shown || ref.current === null) {
      return undefined;
    }
    return controller.attachOwnVideo(ref.current, "camera");
  }, [controller, shown]);
  return (
    <div className="preview">
      {shown ? (
        <video ref={ref} className="mirrored" aria-label={t.devices.preview} autoPlay muted playsInline />
      ) : (
        <p className="preview-off">
          <Icon name="cameraOff" />
          {t.devices.cameraOff}
        </p>
      )}
    </div>
  );
}

interface ProblemProps {
  readonly device: "microphone" | "camera";
  readonly input: InputDevice;
  readonly onRetry: () => void;
}

function Problem({ device, input, onRetry }: ProblemProps) {
  if (input.capture.kind !== "failed") {
    return null;
  }
  return (
    <NoticeBox kind="warning">
      <span>{problemText(device, input.capture.problem)}</span>
      <span>{t.devices.without}</span>
      <div className="buttons">
        <Button
          onPress={onRetry}
          name={device === "microphone" ? t.devices.retryMicrophone : t.devices.retryCamera}
        >
          {t.devices.retry}
        </Button>
      </div>
    </NoticeBox>
  );
}

function problemText(device: "microphone" | "camera", problem: DeviceProblem): string {
  return t.devices.problems[device][problem];
}

function Choices() {
  const controller = useController();
  const { microphone, camera, speaker } = useClient((state) => state.devices);
  const [played, setPlayed] = useState(false);
  return (
    <div className="choices">
      <InputChooser
        label={t.devices.chooseMicrophone}
        input={microphone}
        unnamed={t.devices.unnamedMicrophone}
        onSelect={controller.chooseMicrophone}
      />
      <InputChooser
        label={t.devices.chooseCamera}
        input={camera}
        unnamed={t.devices.unnamedCamera}
        onSelect={controller.chooseCamera}
      />
      {speaker.selectable && speaker.options.length > 0 ? (
        <Chooser
          label={t.devices.chooseSpeaker}
          choices={named(speaker.options, t.devices.unnamedSpeaker)}
          selected={speaker.chosen ?? speaker.options[0]?.id ?? null}
          onSelect={controller.chooseSpeaker}
        />
      ) : null}
      <div className="buttons">
        <Button
          icon="sound"
          onPress={() => {
            setPlayed(true);
            void playChime(speaker.chosen);
          }}
        >
          {t.devices.testSpeaker}
        </Button>
      </div>
      <p role="status" className="soft small">
        {played ? t.devices.testPlayed : null}
      </p>
    </div>
  );
}

interface InputChooserProps {
  readonly label: string;
  readonly input: InputDevice;
  readonly unnamed: (n: number) => string;
  readonly onSelect: (id: string) => void;
}

/** Nothing to choose from before the browser has given permission: it withholds names and ids until then. */
function InputChooser({ label, input, unnamed, onSelect }: InputChooserProps) {
  const options = input.options.filter((option) => option.id !== "");
  if (options.length === 0) {
    return null;
  }
  const live = input.capture.kind === "live" ? input.capture.deviceId : null;
  return (
    <Chooser
      label={label}
      choices={named(options, unnamed)}
      selected={live ?? input.chosen ?? options[0]?.id ?? null}
      onSelect={onSelect}
    />
  );
}

function named(options: readonly Choice[], unnamed: (n: number) => string): readonly Choice[] {
  return options.map(({ id, label }, index) => ({ id, label: label === "" ? unnamed(index + 1) : label }));
}
