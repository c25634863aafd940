// Dialogs: Escape closes them, the focus stays inside and goes back to where it came from.

import type { ReactNode } from "react";
import { Dialog, Heading, Modal, ModalOverlay } from "react-aria-components";
import { Button } from "./widgets";

interface DialogWindowProps {
  readonly isOpen: boolean;
  readonly onClose: () => void;
  readonly heading: string;
  readonly closeLabel: string;
  /** Whether a click beside it closes it; not where something written would be lost. */
  readonly closesOutside?: boolean;
  readonly children: ReactNode;
}

/** A card over the page that one can simply close. */
export function DialogWindow({
  isOpen,
  onClose,
  heading,
  closeLabel,
  closesOutside = true,
  children,
}: DialogWindowProps) {
  return (
    <ModalOverlay
      className="modal-overlay"
      isOpen={isOpen}
      onOpenChange={(open) => !open && onClose()}
      isDismissable={closesOutside}
    >
      <Modal className="modal" ref={keepFocusInSight}>
        <Dialog className="dialog">
          <div className="dialog-head">
            <Heading slot="title" level={2}>
              {heading}
            </Heading>
            <Button look="quiet" icon="close" name={closeLabel} onPress={onClose}>
              {null}
            </Button>
          </div>
          {children}
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}

/**
 * What the keyboard comes to is scrolled into sight, clear of the dialog's head and foot: also when the foot grows by
 * what went wrong. The browser does that for what has the focus: of a checkbox that is a point beside its box.
 */
function keepFocusInSight(modal: HTMLDivElement | null): void {
  if (modal === null) return;
  const show = (): void => {
    const foot = modal.querySelector<HTMLElement>(".dialog-foot");
    const covers = foot !== null && getComputedStyle(foot).position === "sticky";
    modal.style.scrollPaddingBlockEnd = covers ? `${foot.offsetHeight + RING_PX}px` : "";
    const focused = document.activeElement;
    if (!modal.contains(focused) || focused?.matches(":focus-visible") !== true) return;
    (focused.closest("label") ?? focused).scrollIntoView({ block: "nearest" });
  };
  const grown = new ResizeObserver(show);
  let foot: Element | null = null;
  modal.addEventListener("focusin", () => {
    const found = modal.querySelector(".dialog-foot");
    if (found !== null && found !== foot) grown.observe(found);
    foot = found;
    // After whoever moved the focus has scrolled to it in another way.
    requestAnimationFrame(show);
  });
}

/** Around what has the focus. */
const RING_PX = 6;

interface ConfirmationProps {
  readonly isOpen: boolean;
  readonly onClose: () => void;
  readonly heading: string;
  readonly text: string;
  readonly confirm: string;
  readonly cancel: string;
  readonly onConfirm: () => void;
}

/** A question before something that can't be undone; the focus stands on the harmless answer. */
export function Confirmation({
  isOpen,
  onClose,
  heading,
  text,
  confirm,
  cancel,
  onConfirm,
}: ConfirmationProps) {
  return (
    <ModalOverlay className="modal-overlay" isOpen={isOpen} onOpenChange={(open) => !open && onClose()}>
      <Modal className="modal">
        <Dialog className="dialog" role="alertdialog">
          <Heading slot="title" level={2}>
            {heading}
          </Heading>
          <p>{text}</p>
          <div className="dialog-foot buttons end">
            <Button onPress={onClose} autoFocus>
              {cancel}
            </Button>
            <Button
              look="danger"
              onPress={() => {
                onClose();
                onConfirm();
              }}
            >
              {confirm}
            </Button>
          </div>
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}

interface SheetProps {
  readonly onClose: () => void;
  readonly label: string;
  readonly children: ReactNode;
}

/** A panel over the whole of a narrow screen. */
export function Sheet({ onClose, label, children }: SheetProps) {
  return (
    <ModalOverlay className="sheet-overlay" isOpen onOpenChange={(open) => !open && onClose()}>
      <Modal className="sheet">
        <Dialog className="dialog-sheet" aria-label={label}>
          {children}
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}
