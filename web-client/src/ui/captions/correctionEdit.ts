// A correction, from opening its form to the server's answer. Others may change the caption meanwhile: nobody writes
// over what they have not been shown, and nothing written is lost. Pure.

import type { Caption, ErrorCode } from "../../protocol/generated";
import { isSameText } from "../../state/beyond";

export type Saving =
  | { readonly kind: "no" }
  /** Not sent: others had changed the caption. It goes out when it is saved once more. */
  | { readonly kind: "held" }
  /** The server was asked for this and has not answered. */
  | { readonly kind: "asked"; readonly text: string }
  /** The line went before an answer came. */
  | { readonly kind: "lost"; readonly text: string }
  | { readonly kind: "refused"; readonly code: ErrorCode }
  /** There is no such caption any more: what is written stays, to be copied. */
  | { readonly kind: "gone" }
  | { readonly kind: "done" };

export interface CorrectionEdit {
  readonly text: string;
  /** The revision over which it is written. */
  readonly over: number;
  /** The latest revision. */
  readonly latest: number;
  /** What others made of the caption while the form stood open; null if they left it. */
  readonly byOthers: string | null;
  readonly saving: Saving;
}

export type CorrectionEvent =
  | { readonly kind: "typed"; readonly text: string }
  /** It was to be saved, and has not been sent: others have changed the caption. */
  | { readonly kind: "held" }
  | { readonly kind: "asked"; readonly text: string }
  | { readonly kind: "refused"; readonly code: ErrorCode }
  | { readonly kind: "line_gone" }
  /** The caption as it is now. */
  | { readonly kind: "told"; readonly caption: Caption }
  /** It was taken back, or is too long ago. */
  | { readonly kind: "gone" };

export function openCorrection({ stable, revision }: Caption): CorrectionEdit {
  return { text: stable.trim(), over: revision, latest: revision, byOthers: null, saving: { kind: "no" } };
}

export function editCorrection(edit: CorrectionEdit, event: CorrectionEvent): CorrectionEdit {
  const { saving } = edit;
  switch (event.kind) {
    case "typed":
      return { ...edit, text: event.text };
    case "held":
      return { ...edit, over: edit.latest, saving: { kind: "held" } };
    case "asked":
      return { ...edit, saving: { kind: "asked", text: event.text } };
    case "refused":
      if (saving.kind !== "asked") return edit;
      // What it was changed to has come before.
      if (event.code === "changed_meanwhile") return { ...edit, over: edit.latest, saving: { kind: "held" } };
      return { ...edit, saving: { kind: "refused", code: event.code } };
    case "line_gone":
      return saving.kind === "asked" ? { ...edit, saving: { ...saving, kind: "lost" } } : edit;
    case "gone": {
      // One's own empty text takes it back.
      const isOwn = (saving.kind === "asked" || saving.kind === "lost") && isSameText(saving.text, "");
      return { ...edit, saving: { kind: isOwn ? "done" : "gone" } };
    }
    case "told":
      return event.caption.revision > edit.latest ? told(edit, event.caption) : edit;
  }
}

function told(edit: CorrectionEdit, { revision, stable }: Caption): CorrectionEdit {
  const { saving, text } = edit;
  const isOwn = (saving.kind === "asked" || saving.kind === "lost") && isSameText(saving.text, stable);
  if (!isOwn) return { ...edit, latest: revision, byOthers: stable.trim() };
  // Who has gone on writing is not done.
  const kind = isSameText(text, stable) ? "done" : "no";
  return { ...edit, over: revision, latest: revision, byOthers: null, saving: { kind } };
}
