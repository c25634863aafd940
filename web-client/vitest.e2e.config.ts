// End-to-end tests: real browsers against the real program, one file after the other (two cores carry one call).

import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["e2e/**/*.e2e.test.ts"],
    environment: "node",
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 120_000,
    bail: 0,
    reporters: ["default"],
  },
});
