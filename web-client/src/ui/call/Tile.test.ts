import { describe, expect, it } from "vitest";
import { initials } from "./Tile";

describe("initials", () => {
  it("takes the first and the last word, in any script, and skips what is no letter", () => {
    expect(initials("Fay")).toBe("F");
    expect(initials("Eda Yılmaz")).toBe("EY");
    expect(initials("Anna Maria de Souza")).toBe("AS");
    expect(initials("木村 さくら")).toBe("木さ");
    expect(initials("Ann (2)")).toBe("A2");
    expect(initials("🌱")).toBe("");
  });
});
