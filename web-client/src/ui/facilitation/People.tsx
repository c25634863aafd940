// Everybody inside, and what a facilitator can do for or about each.

import { useRef, useState } from "react";
import { t } from "../../i18n";
import type { Participant, Permission } from "../../protocol/generated";
import { mutedWords } from "../call/Tile";
import { useClient, useController } from "../client";
import { Confirmation } from "../common/dialogs";
import { useKeptFocus } from "../common/useKeptFocus";
import { Button } from "../common/widgets";

export function People() {
  const participants = useClient((state) => state.participants);
  const self = useClient((state) => state.seat?.participant ?? null);
  const capacity = useClient((state) => state.session?.capacity ?? null);
  const region = useRef<HTMLElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  useKeptFocus(region, heading);
  return (
    <section ref={region} className="panel-section" aria-labelledby="people-heading">
      <h3 id="people-heading" ref={heading} tabIndex={-1}>
        {t.facilitation.people}
      </h3>
      {capacity === null ? null : (
        <p className="soft small">{t.facilitation.peopleCount(participants.length, capacity)}</p>
      )}
      <ul className="rows">
        {inOrderOfHands(participants).map((one) => (
          <PersonRow key={one.participant} participant={one} isSelf={one.participant === self} />
        ))}
      </ul>
    </section>
  );
}

/** Raised hands first, in the order they were raised; then the circle's order. */
function inOrderOfHands(participants: readonly Participant[]): readonly Participant[] {
  const raised = (one: Participant): number => one.hand_raised_at ?? Number.POSITIVE_INFINITY;
  return [...participants].sort((a, b) => (raised(a) === raised(b) ? 0 : raised(a) - raised(b)));
}

function PersonRow({ participant, isSelf }: { participant: Participant; isSelf: boolean }) {
  return (
    <li className="row">
      <div className="row-text">
        <span className="row-name">{isSelf ? t.call.isYou(participant.name) : participant.name}</span>
        <span className="soft small">{standing(participant)}</span>
      </div>
      {isSelf ? null : <Actions participant={participant} />}
    </li>
  );
}

/** How somebody stands, in words. */
function standing(participant: Participant): string {
  return [
    participant.role === "facilitator" ? t.call.state.facilitator : null,
    participant.connected ? null : t.call.state.away,
    participant.hand_raised_at === null ? null : t.call.state.handRaised,
    mutedWords(participant.microphone) ?? t.call.state.microphoneOn,
    participant.camera ? t.call.state.cameraOn : t.call.state.cameraOff,
  ]
    .filter((word) => word !== null)
    .join(", ");
}

const NO_PERMISSIONS: readonly Permission[] = [];

function Actions({ participant }: { participant: Participant }) {
  const controller = useController();
  const permissions = useClient((state) => state.seat?.permissions ?? NO_PERMISSIONS);
  const [asking, setAsking] = useState(false);
  const { participant: id, name, microphone, camera, hand_raised_at } = participant;
  const managesMedia = permissions.includes("manage_media");
  const isHeard = microphone === "on";
  return (
    <div className="buttons">
      {managesMedia ? (
        // One button for both, so that the focus stays when one becomes the other.
        <Button
          icon={isHeard ? "microphoneOff" : "microphone"}
          onPress={() => (isHeard ? controller.mute(id) : controller.askToUnmute(id))}
        >
          <WithNameHidden words={isHeard ? t.facilitation.mute : t.facilitation.ask} name={name} />
        </Button>
      ) : null}
      {managesMedia && camera ? (
        <Button
          icon="cameraOff"
          name={t.facilitation.stopCamera(name)}
          onPress={() => controller.stopCamera(id)}
        >
          {t.facilitation.stopCameraShort}
        </Button>
      ) : null}
      {permissions.includes("manage_hands") && hand_raised_at !== null ? (
        <Button icon="hand" name={t.facilitation.lowerHand(name)} onPress={() => controller.lowerHand(id)}>
          {t.facilitation.lowerHandShort}
        </Button>
      ) : null}
      {permissions.includes("remove_participants") ? (
        <Button icon="door" name={t.facilitation.remove(name)} onPress={() => setAsking(true)}>
          {t.facilitation.removeShort}
        </Button>
      ) : null}
      <Confirmation
        isOpen={asking}
        onClose={() => setAsking(false)}
        heading={t.facilitation.removeHeading(name)}
        text={t.facilitation.removeText}
        confirm={t.facilitation.removeConfirm}
        cancel={t.facilitation.cancel}
        onConfirm={() => controller.remove(id)}
      />
    </div>
  );
}

/** "Ask Ann to unmute" as a name, "Ask to unmute" to the eye: whose row it is can be seen. */
function WithNameHidden({ words, name }: { words: (name: string) => string; name: string }) {
  const [before, after] = words("\n").split("\n");
  return (
    <span>
      {before}
      <span className="visually-hidden">{name}</span>
      {after}
    </span>
  );
}
