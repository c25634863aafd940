// A panel beside the call on wide screens, over it on narrow ones.

import { type ReactNode, useId } from "react";
import { Sheet } from "./dialogs";
import { useWide } from "./hooks";
import { Button } from "./widgets";

interface PanelProps {
  readonly heading: string;
  readonly closeLabel: string;
  readonly onClose: () => void;
  readonly children: ReactNode;
}

export function Panel(props: PanelProps) {
  const wide = useWide();
  if (wide) {
    return (
      <aside
        className="panel"
        aria-label={props.heading}
        onKeyDown={(event) => {
          if (event.key === "Escape" && !event.defaultPrevented) {
            props.onClose();
          }
        }}
      >
        <PanelContent {...props} />
      </aside>
    );
  }
  return (
    <Sheet label={props.heading} onClose={props.onClose}>
      <div className="panel">
        <PanelContent {...props} />
      </div>
    </Sheet>
  );
}

function PanelContent({ heading, closeLabel, onClose, children }: PanelProps) {
  const id = useId();
  return (
    <>
      <div className="panel-head">
        <h2 id={id}>{heading}</h2>
        <Button look="quiet" icon="close" name={closeLabel} onPress={onClose}>
          {null}
        </Button>
      </div>
      <div className="panel-body">{children}</div>
    </>
  );
}
