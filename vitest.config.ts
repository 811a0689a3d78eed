import { defineConfig } from "vitest/config";

// biome-ignore lint/style/noDefaultExport: vitest reads the default export
export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/build-dist.ts", "test/support/mongo-broker.ts"],
    pool: "forks",
    testTimeout: 30_000,
    // Real processes race each other on a machine that may be busy; the reporter tells which test needed its second try.
    retry: 1,
    hookTimeout: 30_000,
  },
});
