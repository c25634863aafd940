// Unit tests: beside what they test, without a browser. Those in a real browser are `npm run e2e`.

import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["src/**/*.test.{ts,tsx}"],
    environment: "node",
    restoreMocks: true,
    // Most take milliseconds: only one that fails waits so long, whatever else the machine does.
    testTimeout: 60_000,
  },
});
