// One folder for all that a run leaves behind: data folders, profiles and downloads of browsers, recordings. It goes
// with the run, also where a test could not clear up after itself.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Called by vitest before the first test; what it returns is called after the last. */
export function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), "hearken-e2e-"));
  const before = process.env.TMPDIR;
  // Tests run in processes of their own, which are given this one's environment.
  process.env.TMPDIR = folder;
  return () => {
    if (before === undefined) {
      delete process.env.TMPDIR;
    } else {
      process.env.TMPDIR = before;
    }
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  };
}
