import { defineConfig } from "vitest/config";

// biome-ignore lint/style/noDefaultExport: vitest reads the default export
export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/build-dist.ts", "test/support/mongo-broker.ts"],
    pool: "forks",
    // A busy machine is slow; what hangs is found by the limits of `eventually`.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 150_000 } },
    // Most of the time is spent waiting for processes.
    maxWorkers: 3,
  },
});
