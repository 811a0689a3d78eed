const { existsSync, readdirSync } = require("node:fs");

// The direction of the code: each room, and the rooms it may import. A room is a folder; a folder inside it with a row of
// its own is another room, one without belongs to the room around it.
const may = {
  domain: [],
  lib: [],
  launch: [],
  config: ["lib"],
  gen: [],
  net: ["domain", "lib"],
  comfy: ["comfy/events", "comfy/prompt", "domain", "lib"],
  "comfy/events": ["comfy", "domain", "lib"],
  "comfy/prompt": ["comfy", "comfy/events", "domain", "lib"],
  workflow: ["workflow/catalog", "workflow/check", "workflow/read", "comfy", "domain", "lib"],
  "workflow/catalog": ["workflow", "workflow/read", "workflow/convert", "domain", "lib"],
  "workflow/bind": ["workflow", "domain", "lib"],
  "workflow/check": ["workflow", "workflow/bind", "comfy", "domain", "lib"],
  "workflow/read": ["workflow", "domain", "lib"],
  "workflow/convert": ["workflow", "workflow/read", "comfy", "domain", "lib"],
  input: ["net", "domain", "lib"],
  film: ["film/media", "domain", "lib"],
  "film/media": ["domain", "lib"],
  "film/join": ["film", "film/media", "domain", "lib"],
  "film/preview": ["film", "film/media", "film/join", "storage", "domain", "lib"],
  preview: ["input", "storage", "domain", "lib"],
  "input/upload": ["input", "storage", "store", "domain", "lib"],
  storage: ["domain", "lib"],
  "storage/local": ["storage", "domain", "lib"],
  "storage/oss": ["storage", "domain", "lib"],
  store: ["domain", "lib"],
  "store/core": ["store", "domain", "lib"],
  "store/watch": ["store", "domain", "lib"],
  "store/watch/many": ["store", "store/watch", "domain", "lib"],
  "store/embedded": ["store", "store/core", "store/watch", "domain", "lib"],
  "store/mongo": ["store", "store/core", "store/watch", "domain", "lib"],
  "pool/learned": ["workflow", "domain", "lib"],
  "pool/server": ["pool/learned", "comfy", "workflow", "workflow/check", "domain", "lib"],
  pool: ["pool/server", "pool/learned", "comfy", "workflow", "workflow/catalog", "domain", "lib"],
  pipeline: ["workflow", "workflow/bind", "workflow/check", "comfy", "comfy/prompt", "input", "film", "film/join", "film/preview", "preview", "storage", "domain", "lib"],
  "scheduler/lease": ["pipeline", "pool", "pool/learned", "store", "domain", "lib"],
  "scheduler/run": ["scheduler/run/film", "scheduler/lease", "pipeline", "preview", "input", "pool", "pool/server", "pool/learned", "workflow", "workflow/catalog", "workflow/check", "workflow/read", "store", "domain", "lib"],
  "scheduler/run/film": ["scheduler/run", "scheduler/lease", "pipeline", "film", "film/join", "film/preview", "workflow", "workflow/bind", "workflow/check", "store", "domain", "lib"],
  "scheduler/plan": ["scheduler/run", "pool", "pool/server", "pool/learned", "workflow", "workflow/catalog", "domain", "lib"],
  "scheduler/tidy": ["preview", "storage", "pipeline", "pool", "pool/server", "store", "domain", "lib"],
  scheduler: ["scheduler/plan", "scheduler/run", "scheduler/lease", "pipeline", "preview", "pool", "input", "workflow/catalog", "store", "domain", "lib"],
  metrics: ["pool", "pool/server", "store", "domain", "lib"],
  access: ["store", "domain", "lib"],
  service: ["pool", "store", "store/watch", "store/watch/many", "workflow", "workflow/catalog", "workflow/read", "input", "input/upload", "preview", "film/preview", "net", "storage", "domain", "lib"],
  "api/calls": ["gen", "service", "domain", "lib"],
  "api/listener": ["api/calls", "domain", "lib"],
  "api/rest": ["api/calls", "gen", "domain", "lib"],
  "api/identity": ["api/calls", "gen", "domain", "lib"],
  "api/rpc": ["api/calls", "api/identity", "access", "service", "input/upload", "gen", "domain", "lib"],
  "api/http": ["service", "api/calls", "api/docs", "api/rest", "api/rpc", "input/upload", "gen", "domain", "lib"],
  "api/docs": ["api/http", "gen", "lib"],
  api: ["api/listener", "api/calls", "api/identity", "api/rpc", "api/rest", "api/http", "domain", "lib"],
  webhook: ["net", "store", "domain", "lib"],
  standalone: ["cpu-server", "lib"],
  client: ["client/gen"],
  "client/gen": [],
  command: ["lib"],
  page: ["client", "client/gen"],
  demo: ["client", "cpu-server", "input", "lib"],
  "cpu-server": ["lib"],
};

const rooms = Object.keys(may);
const missing = rooms.filter((room) => !existsSync(`src/${room}`));
if (missing.length > 0) throw new Error(`the table of directions names what is not there: ${missing.join(", ")}`);
for (const entry of readdirSync("src", { withFileTypes: true }))
  if (entry.isDirectory() && !(entry.name in may)) throw new Error(`src/${entry.name} has no row in the table of directions`);

/** Matches the files of a room, those of the rooms inside it left out. */
function filesOf(room) {
  const inner = rooms.filter((other) => other.startsWith(`${room}/`)).map((other) => `${other.slice(room.length + 1)}/`);
  return inner.length === 0 ? `^src/${room}/` : `^src/${room}/(?!${inner.join("|")})`;
}

const directions = Object.entries(may).map(([from, to]) => ({
  name: `direction-${from.replace("/", "-")}`,
  severity: "error",
  from: { path: filesOf(from) },
  to: { path: "^src/", pathNot: [from, ...to].map(filesOf) },
}));
const adapters = ["store/mongo", "store/embedded", "storage/oss", "storage/local"].map((room) => ({
  name: `only-app-names-${room.replace("/", "-")}`,
  severity: "error",
  from: { path: "^src/", pathNot: `^src/(app\\.ts$|${room}/)` },
  to: { path: `^src/${room}/` },
}));
const onlyIn = (name, where, what) => ({
  name,
  severity: "error",
  from: { path: "^src/", pathNot: `^src/(${where})/` },
  to: { path: `node_modules/(${what})/` },
});

module.exports = {
  forbidden: [
    ...directions,
    ...adapters,
    onlyIn("mongodb-only-in-its-adapter", "store/mongo", "mongodb"),
    onlyIn("oss-only-in-its-adapter", "storage/oss", "ali-oss"),
    onlyIn("connect-only-at-the-edge", "api|client|gen|page", "@connectrpc|@bufbuild"),
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
    { name: "no-orphans", severity: "error", from: { orphan: true, path: "^src/", pathNot: "^src/((client/)?gen|launch)/" }, to: {} },
  ],
  options: { doNotFollow: { path: "node_modules" }, exclude: "^src/client/dist/", tsConfig: { fileName: "tsconfig.json" }, tsPreCompilationDeps: true,
             enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "types"] } },
};
