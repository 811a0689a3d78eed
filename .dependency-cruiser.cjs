// The direction of the code: each folder, and the folders it may import.
const may = {
  domain: [],
  lib: [],
  config: [],
  gen: [],
  comfy: ["domain", "lib"],
  workflow: ["comfy", "domain", "lib"],
  input: ["domain", "lib"],
  output: ["domain", "lib"],
  store: ["domain", "lib"],
  upload: ["input", "output", "store", "domain", "lib"],
  pool: ["comfy", "workflow", "domain", "lib"],
  pipeline: ["workflow", "comfy", "input", "output", "domain", "lib"],
  scheduler: ["pipeline", "pool", "workflow", "store", "domain", "lib"],
  metrics: ["pool", "store", "domain", "lib"],
  service: ["pool", "store", "workflow", "input", "output", "domain", "lib"],
  api: ["service", "upload", "gen", "domain", "lib"],
  client: ["gen"],
  demo: ["client", "input", "lib"],
  "cpu-server": ["lib"],
};
for (const entry of require("node:fs").readdirSync("src", { withFileTypes: true }))
  if (entry.isDirectory() && !(entry.name in may)) throw new Error(`src/${entry.name} has no row in the table of directions`);
const adapters = [["store", "mongo"], ["store", "embedded"], ["output", "oss"], ["output", "local"]].map(([folder, name]) => ({
  name: `only-app-names-${name}`,
  severity: "error",
  from: { path: "^src/", pathNot: `^src/(app\\.ts$|${folder}/${name}-)` },
  to: { path: `^src/${folder}/${name}-` },
}));
const layers = Object.entries(may).map(([from, to]) => ({
  name: `direction-${from}`,
  severity: "error",
  from: { path: `^src/${from}/` },
  to: { path: "^src/", pathNot: [from, ...to].map((folder) => `^src/${folder}/`) },
}));
module.exports = {
  forbidden: [
    ...layers,
    ...adapters,
    { name: "vendor-only-in-its-adapter", severity: "error",
      from: { path: "^src/", pathNot: "^src/(store/mongo-|output/oss-)" },
      to: { path: "node_modules/(mongodb|ali-oss)/" } },
    { name: "connect-only-at-the-edge", severity: "error",
      from: { path: "^src/", pathNot: "^src/(api|client|gen)/" },
      to: { path: "node_modules/(@connectrpc|@bufbuild)/" } },
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
    { name: "no-orphans", severity: "error", from: { orphan: true, path: "^src/", pathNot: "^src/gen/" }, to: {} },
  ],
  options: { doNotFollow: { path: "node_modules" }, tsConfig: { fileName: "tsconfig.json" }, tsPreCompilationDeps: true,
             enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "types"] } },
};
