import { describe, expect, it } from "vitest";
import { formatNames, formatSpan } from "../i18n";
import { describeNotice, matterOf } from "./notices";

describe("describeNotice", () => {
  it("says at once what concerns oneself, and the rest when there is time", () => {
    expect(describeNotice({ kind: "muted", mayUnmute: false }).urgency).toBe("assertive");
    expect(describeNotice({ kind: "camera_stopped" }).urgency).toBe("assertive");
    expect(describeNotice({ kind: "participant_joined", name: "Ann" })).toEqual({
      text: "Ann came in.",
      urgency: "polite",
      stay: "brief",
    });
  });

  it("has words for every refusal", () => {
    expect(describeNotice({ kind: "refused", code: "microphones_locked" }).text).toMatch(/locked/);
  });

  it("counts the minutes before the end", () => {
    expect(describeNotice({ kind: "ending_soon", minutes: 1 }).text).toBe("The session ends in 1 minute.");
    expect(describeNotice({ kind: "ending_soon", minutes: 10 }).text).toBe("The session ends in 10 minutes.");
  });
});

describe("matterOf", () => {
  it("lets being refused the microphone replace being muted", () => {
    expect(matterOf({ kind: "refused", code: "microphones_locked" })).toBe(
      matterOf({ kind: "muted", mayUnmute: true }),
    );
    expect(matterOf({ kind: "refused", code: "forbidden" })).toBeNull();
  });
});

describe("spans and names", () => {
  it("are written as people say them", () => {
    expect(formatSpan(59_000)).toBe("59 s");
    expect(formatSpan(60_001)).toBe("2 min");
    expect(formatSpan(12 * 3_600_000)).toBe("12 h");
    expect(formatSpan(-5)).toBe("0 s");
    expect(formatNames(["Ann", "Ben", "Cleo"])).toBe("Ann, Ben and Cleo");
    expect(formatNames([])).toBe("");
  });
});
