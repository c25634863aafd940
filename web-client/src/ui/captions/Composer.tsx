// For those who type instead of speaking, and for captioners: the line stands in everybody's captions while it is
// written (real-time text, EN 301 549 section 6.2).

import { type Ref, useEffect, useImperativeHandle, useRef, useState } from "react";
import { t } from "../../i18n";
import { TYPED_CHARACTERS_MAX } from "../../protocol/generated";
import { useClient, useController } from "../client";
import { Button, Chooser } from "../common/widgets";
import { spokenIn } from "./language";

/** A letter waits at most this long, the first after a pause not at all: the others see each within 500 ms. */
const SEND_EVERY_MS = 200;

/** The first line of a field is one of so many; what the server counts with holds twice as many. */
const LINES_FROM = 2 ** 31;

/** A line that could not be taken, for when its writer opens the field again. */
export interface Draft {
  readonly line: number;
  readonly text: string;
  readonly speaker: string | null;
  readonly offRecord: boolean;
}

/** What an open field can be given. */
export interface ComposerHandle {
  readonly focus: () => void;
  /** Words that their writer has back: before those that are being written. False if there is no room for them. */
  readonly takeBack: (words: Pick<Draft, "text" | "offRecord">) => boolean;
}

interface ComposerProps {
  readonly ref: Ref<ComposerHandle>;
  /** Outlives the field. */
  readonly draft: { current: Draft | null };
}

export function Composer({ ref, draft }: ComposerProps) {
  const controller = useController();
  const self = useClient((state) => state.seat?.participant ?? null);
  const captionsOthers = useClient((state) => state.seat?.permissions.includes("caption_others") ?? false);
  const participants = useClient((state) => state.participants);
  const language = useClient((state) => state.session?.language);
  const isOffRecord = useClient((state) => state.session?.off_record === true);
  const [text, setText] = useState(draft.current?.text ?? "");
  const [speaker, setSpeaker] = useState(draft.current?.speaker ?? null);
  const input = useRef<HTMLInputElement>(null);
  // The line counts up from anywhere: what was typed before, in this page or another, has other numbers.
  const line = useRef(draft.current?.line ?? Math.floor(Math.random() * LINES_FROM));
  const sent = useRef("");
  /** The last line of which anything was written: it may stand with the others, though its field is empty again. */
  const begun = useRef<number | null>(null);
  const current = useRef(text);
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  const sentAt = useRef(Number.NEGATIVE_INFINITY);
  // A letter that waits to go out was written when it was: the group may be on the record by then.
  const offRecord = useRef(draft.current?.offRecord ?? false);

  const isDown = useClient((state) => state.link !== "up");

  /** False if the line could not be taken: it stays in the field. */
  const send = (done: boolean): boolean => {
    if (timer.current !== null) clearTimeout(timer.current);
    timer.current = null;
    if (!done && current.current === sent.current) return true;
    const typed = { line: line.current, text: current.current, done, offRecord: offRecord.current };
    if (!controller.typeLine(speaker === null ? typed : { ...typed, speaker })) return false;
    sentAt.current = performance.now();
    begun.current = line.current;
    sent.current = done ? "" : current.current;
    if (done) {
      line.current += 1;
      offRecord.current = false;
    }
    return true;
  };
  const change = (next: string): void => {
    current.current = next;
    offRecord.current ||= isOffRecord;
    setText(next);
    const wait = Math.max(0, sentAt.current + SEND_EVERY_MS - performance.now());
    timer.current ??= setTimeout(() => send(false), wait);
  };
  /** False if the line is still to be finished. */
  const finish = (): boolean => {
    if (current.current.trim() === "" && begun.current !== line.current) return true;
    if (!send(true)) return false;
    current.current = "";
    setText("");
    return true;
  };
  /** Whoever closes the field has finished its line; one that can't be taken is there when it opens again. */
  const close = (): void => {
    draft.current = finish()
      ? null
      : { line: line.current, text: current.current, speaker, offRecord: offRecord.current };
  };
  const takeBack: ComposerHandle["takeBack"] = ({ text: words, offRecord: isSecret }) => {
    const all = current.current === "" ? words : `${words} ${current.current}`;
    if (all.length > TYPED_CHARACTERS_MAX) return false;
    offRecord.current ||= isSecret;
    // The others see it once its writer goes on with it.
    current.current = all;
    setText(all);
    input.current?.focus();
    return true;
  };
  useImperativeHandle(ref, () => ({ takeBack, focus: () => input.current?.focus() }));
  const latest = useRef(close);
  latest.current = close;
  useEffect(() => {
    input.current?.focus();
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
            // What stands in the field stays the words of whose it is.
            if (finish()) setSpeaker(id);
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
        <span id="composer-hint" className="hint" role="status" data-waits={isDown || undefined}>
          {isDown ? t.captions.typeLater : t.captions.typeHint}
        </span>
      </div>
    </form>
  );
}
