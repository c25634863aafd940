// For those who type instead of speaking, and for captioners: the line stands in everybody's captions while it is
// written (real-time text, EN 301 549 section 6.2).

import { useEffect, useRef, useState } from "react";
import { t } from "../../i18n";
import { TYPED_CHARACTERS_MAX } from "../../protocol/generated";
import { useClient, useController } from "../client";
import { Button, Chooser } from "../common/widgets";
import { spokenIn } from "./language";

/** A letter waits at most this long, the first after a pause not at all: the others see each within 500 ms. */
const SEND_EVERY_MS = 200;

export function Composer() {
  const controller = useController();
  const self = useClient((state) => state.seat?.participant ?? null);
  const captionsOthers = useClient((state) => state.seat?.permissions.includes("caption_others") ?? false);
  const participants = useClient((state) => state.participants);
  const language = useClient((state) => state.session?.language);
  const [text, setText] = useState("");
  const [speaker, setSpeaker] = useState<string | null>(null);
  const input = useRef<HTMLInputElement>(null);
  // The line counts up over the life of the page: a reload begins above what came before.
  const line = useRef(Math.floor(Date.now() / 1000) % 1_000_000_000);
  const sent = useRef("");
  const current = useRef("");
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  const sentAt = useRef(Number.NEGATIVE_INFINITY);
  const whose = speaker ?? undefined;

  const isDown = useClient((state) => state.link !== "up");

  /** False if the line could not be taken: it stays in the field. */
  const send = (done: boolean): boolean => {
    if (timer.current !== null) clearTimeout(timer.current);
    timer.current = null;
    if (!done && current.current === sent.current) return true;
    if (!controller.typeLine(line.current, current.current, done, whose)) return false;
    sentAt.current = performance.now();
    sent.current = done ? "" : current.current;
    if (done) line.current += 1;
    return true;
  };
  const change = (next: string): void => {
    current.current = next;
    setText(next);
    const wait = Math.max(0, sentAt.current + SEND_EVERY_MS - performance.now());
    timer.current ??= setTimeout(() => send(false), wait);
  };
  const finish = (): void => {
    if (current.current.trim() === "" && sent.current === "") return;
    if (!send(true)) return;
    current.current = "";
    setText("");
  };
  const latest = useRef(finish);
  latest.current = finish;
  useEffect(() => {
    input.current?.focus();
    // Whoever closes the line has finished it.
    return () => latest.current();
  }, []);

  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault();
        finish();
      }}
    >
      {captionsOthers ? (
        <Chooser
          label={t.captions.speaker}
          choices={participants
            .filter((one) => one.participant !== self)
            .map(({ participant, name }) => ({ id: participant, label: name }))}
          selected={speaker}
          onSelect={(id) => {
            finish();
            setSpeaker(id);
          }}
        />
      ) : null}
      <div className="field composer-line">
        <label htmlFor="composer-input">{captionsOthers ? t.captions.typeFor : t.captions.typeLabel}</label>
        <div className="composer-row">
          <input
            ref={input}
            id="composer-input"
            {...spokenIn(language)}
            className="input"
            value={text}
            maxLength={TYPED_CHARACTERS_MAX}
            autoComplete="off"
            aria-describedby="composer-hint"
            onChange={(event) => change(event.currentTarget.value)}
          />
          <Button type="submit" look="primary">
            {t.captions.finishLine}
          </Button>
        </div>
        <span id="composer-hint" className="hint" role="status">
          {isDown ? t.captions.typeLater : t.captions.typeHint}
        </span>
      </div>
    </form>
  );
}
