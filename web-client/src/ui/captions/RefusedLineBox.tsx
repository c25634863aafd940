// What one has typed and the server would not have: said at once, and kept until its writer has it back.

import { useState } from "react";
import { t } from "../../i18n";
import type { RefusedLine } from "../../state/model";
import { useClient, useController } from "../client";
import { CopyButton } from "../common/CopyButton";
import { Button, NoticeBox } from "../common/widgets";

interface RefusedLineBoxProps {
  /** The words go back into the field; false if there is no room for them. */
  readonly onBack: (refused: RefusedLine) => boolean;
  /** Whoever has closed it is to go on somewhere. */
  readonly onClosed: () => void;
}

export function RefusedLineBox({ onBack, onClosed }: RefusedLineBoxProps) {
  const controller = useController();
  const refused = useClient((state) => state.refusedLine);
  /** What did not fit into the field. */
  const [tooLong, setTooLong] = useState<RefusedLine | null>(null);
  return (
    <div className="refused-line" data-empty={refused === null || undefined}>
      <div role="alert">
        {refused === null ? null : (
          <NoticeBox kind="warning">
            <p>{reasonOf(refused)}</p>
            <p>{t.captions.refusedLine(refused.text)}</p>
          </NoticeBox>
        )}
      </div>
      {refused === null ? null : (
        <div className="buttons">
          {tooLong === refused ? null : (
            <Button
              onPress={() => {
                if (onBack(refused)) controller.forgetRefusedLine();
                else setTooLong(refused);
              }}
            >
              {t.captions.writeAgain}
            </Button>
          )}
          <CopyButton text={refused.text} what={t.captions.copiedRefused}>
            {t.captions.copyRefused}
          </CopyButton>
          <Button
            onPress={() => {
              controller.forgetRefusedLine();
              onClosed();
            }}
          >
            {t.captions.closeRefused}
          </Button>
        </div>
      )}
    </div>
  );
}

function reasonOf({ code }: RefusedLine): string {
  return code === "not_found" ? t.captions.lineRefusedGone : t.captions.lineRefused(t.errors[code]);
}
