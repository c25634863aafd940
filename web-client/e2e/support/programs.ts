// Where cargo left the programs under test: what `cargo test` built, with debug assertions and checks for overflow,
// unless HEARKEN_BUILD says "release", as the benchmark does. HEARKEN_BINARY is a path to another `hearken`.

import { existsSync } from "node:fs";
import { join, resolve } from "node:path";

/** The path of a program; an error if nobody built it. */
export function built(program: "hearken" | "netsim-proxy"): string {
  const target = process.env.CARGO_TARGET_DIR ?? resolve(import.meta.dirname, "../../../target");
  const path = join(target, process.env.HEARKEN_BUILD ?? "debug", program);
  const chosen = (program === "hearken" ? process.env.HEARKEN_BINARY : undefined) ?? path;
  if (!existsSync(chosen)) {
    throw new Error(`${chosen} is missing: make test-browser builds it`);
  }
  return chosen;
}
