// Unit tests: beside what they test, without a browser. Those in a real browser are `npm run e2e`.

import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["src/**/*.test.{ts,tsx}"],
    environment: "node",
    restoreMocks: true,
  },
});
