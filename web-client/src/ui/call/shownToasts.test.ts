import { describe, expect, it } from "vitest";
import type { Notice, NoticeMessage } from "../../state/model";
import { shownToasts } from "./shownToasts";

function notices(...messages: readonly NoticeMessage[]): Notice[] {
  return messages.map((message, index) => ({ id: index + 1, message }));
}

function ids(list: readonly Notice[], gone: readonly number[] = []): number[] {
  return shownToasts(list, new Set(gone)).map(({ id }) => id);
}

const JOINED: NoticeMessage = { kind: "participant_joined", name: "Ann" };
const MUTED: NoticeMessage = { kind: "muted", mayUnmute: true };
const REFUSED: NoticeMessage = { kind: "refused", code: "microphones_locked" };

describe("shownToasts", () => {
  it("keeps what concerns oneself, however many others come in", () => {
    expect(ids(notices(MUTED, JOINED, JOINED, JOINED))).toEqual([1, 3, 4]);
  });

  it("does not bring back what had to make room", () => {
    expect(ids(notices(JOINED, JOINED, JOINED), [2, 3])).toEqual([]);
  });

  it("shows the latest word on a matter only, and none of the others once it is dismissed", () => {
    expect(ids(notices(MUTED, REFUSED))).toEqual([2]);
    expect(ids(notices(MUTED, REFUSED), [2])).toEqual([]);
  });
});
