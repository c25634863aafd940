// End-to-end tests: real browsers against the real program, one file after the other (two cores carry one call).

import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["e2e/**/*.e2e.test.ts"],
    environment: "node",
    globalSetup: ["e2e/support/scratch.ts"],
    fileParallelism: false,
    testTimeout: 600_000,
    hookTimeout: 480_000,
    // One second, which is vitest's, is too little for a page on a machine that does something else besides.
    expect: { poll: { timeout: 60_000 } },
    bail: 0,
    reporters: ["default"],
  },
});
