import { build } from "rolldown";

// Builds each program of the package into dist, together with the libraries that it uses: to load their 1,100 modules one
// by one takes longer than all else that a start does. What has native code or is seldom needed stays a package.
await build({
  input: {
    main: "src/main.ts",
    "command/main": "src/command/main.ts",
    "cpu-server/main": "src/cpu-server/main.ts",
    "cpu-server/network/network-worker": "src/cpu-server/network/network-worker.ts",
    "demo/main": "src/demo/main.ts",
    "workflow/cli": "src/workflow/cli.ts",
  },
  platform: "node",
  external: [/^node-av/, /mediabunny/, /^@websr\//, "ali-oss", "mongodb", "node-sqlite3-wasm", "sharp"],
  transform: { target: "es2023" },
  output: {
    dir: "dist",
    // Names without hashes: what a running service has not loaded yet is there after the next build.
    chunkFileNames: "chunks/[name].js",
    sourcemap: true,
    // A map with the sources takes 40 MB of the running service.
    sourcemapExcludeSources: true,
  },
  logLevel: "warn",
});
