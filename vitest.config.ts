import { defineConfig } from "vitest/config";

// biome-ignore lint/style/noDefaultExport: vitest reads the default export
export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/build-dist.ts", "test/support/mongo-broker.ts"],
    pool: "forks",
    testTimeout: 30_000,
    // Most of the time is spent waiting for processes.
    maxWorkers: 3,
    hookTimeout: 30_000,
  },
});
