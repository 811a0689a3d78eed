import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative, resolve } from "node:path";
import { createInterface } from "node:readline";
import { build } from "rolldown";

// Builds each program of the package into dist, together with the libraries that it uses: to load their 1,100 modules one
// by one takes longer than all else that a start does. What has native code or is seldom needed stays a package. Beside the
// code goes what V8 has compiled of it in a run: see src/launch/program-code.ts.
const PROGRAMS = {
  main: "src/main.ts",
  "command/main": "src/command/main.ts",
  "cpu-server/main": "src/cpu-server/main.ts",
  "cpu-server/network/network-worker": "src/cpu-server/network/network-worker.ts",
  "demo/main": "src/demo/main.ts",
  "workflow/cli": "src/workflow/cli.ts",
};
/** What a start has no use for: a stage of a task loads it when it is needed. */
const NOT_AT_START = /^(node-av|mediabunny|sharp|ali-oss|mongodb)/;
const DIST = "dist";
const COMPILED = join(DIST, "compiled");
const LIMIT_MS = 60_000;

/** The code runs as scripts, in which there is no `import()`: they are given functions for it. */
const imports = {
  name: "imports",
  renderChunk: (code) =>
    code
      .replaceAll(/\bimport\((?="[a-z@])/g, "importPackage(")
      .replaceAll(/Promise\.resolve\(\)\.then\(\(\) => require\(("\.[^"]+")\)\)/g, "importFile($1)"),
};

const files = [
  ...(await bundle({
    input: PROGRAMS,
    external: [/^node-av/, /mediabunny/, /^@websr\//, "ali-oss", "mongodb", "node-sqlite3-wasm", "sharp"],
    // Names without hashes: what a running service has not loaded yet is there after the next build.
    output: { format: "cjs", entryFileNames: "[name].cjs", chunkFileNames: "chunks/[name].cjs" },
    plugins: [imports],
  })),
  ...(await bundle({ input: { "program-code": "src/launch/program-code.ts" } })),
];
refuseAtStart("main.cjs", NOT_AT_START);
refuseOtherImports();
const hash = createHash("sha256").update(process.version).update(process.arch).update(readFileSync(import.meta.filename));
for (const { fileName, code } of files) hash.update(fileName).update(code);
const version = hash.digest("hex").slice(0, 16);
if (!existsSync(join(COMPILED, version))) await write();

function refuseAtStart(program, packages, seen = new Set()) {
  if (seen.has(program)) return;
  seen.add(program);
  for (const name of files.find(({ fileName }) => fileName === program)?.imports ?? []) {
    if (packages.test(name)) throw new Error(`${program} loads ${name} at its start`);
    refuseAtStart(name, packages, seen);
  }
}

/** A file that is loaded without waiting for imports of packages can fail, see src/launch/program-code.ts. */
function refuseOtherImports() {
  for (const { fileName, code, dynamicImports } of files)
    for (const name of dynamicImports.filter((imported) => imported.endsWith(".cjs")))
      if (!new RegExp(`importFile\\("[^"]*${basename(name)}"\\)`).test(code))
        throw new Error(`${fileName} does not load ${name} by importFile`);
}

async function bundle(options) {
  const { output } = await build({ platform: "node", transform: { target: "es2023" }, logLevel: "warn", write: false, ...options });
  return output;
}

/** What was compiled goes first and comes last, so that it never stands beside other code. */
async function write() {
  rmSync(COMPILED, { recursive: true, force: true });
  for (const { fileName, code } of files) writeTo(fileName, code);
  for (const program of Object.keys(PROGRAMS)) writeTo(`${program}.js`, starterOf(program));
  const directory = mkdtempSync(join(tmpdir(), "tmlsr-build-"));
  try {
    const into = join(COMPILED, "unfinished");
    const run = async (program, ...args) => await compile(resolve(into), directory, program, ...args);
    await run("command/main.cjs", "--help");
    // An installation may leave out what only the CPU server needs.
    if (existsSync("node_modules/@websr/websr")) await run("cpu-server/main.cjs", "--port", "0", "--dir", "cpu-server");
    // Last: what it shares with the others it uses most of.
    await run("main.cjs");
    renameSync(into, join(COMPILED, version));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function writeTo(path, text) {
  const file = join(DIST, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

/** The program's entry: it runs the code with what was compiled of it. */
function starterOf(program) {
  const up = relative(dirname(program), ".") || ".";
  return `#!/usr/bin/env node
import { join } from "node:path";
import { ProgramCode } from "${up}/program-code.js";

const dist = join(import.meta.dirname, "${up}");
new ProgramCode(dist, join(dist, "compiled", "${version}")).run("${program}.cjs");
`;
}

/** Runs a program in a directory of its own until it listens or ends, and keeps what V8 has compiled of it. */
async function compile(into, directory, ...program) {
  const child = spawn(process.execPath, [resolve(".ci/keep-compiled.mjs"), into, ...program], {
    cwd: directory,
    env: {
      ...{ PATH: process.env.PATH, TMLSR_PORT: "0", TMLSR_DATA_DIR: directory },
      ...{ TMLSR_WORKFLOWS_DIR: resolve("workflows"), COMFYUI_SERVERS: "http://127.0.0.1:1" },
    },
    stdio: ["ignore", "pipe", "inherit"],
    ...{ timeout: LIMIT_MS, killSignal: "SIGKILL" },
  });
  const ended = new Promise((done) => child.once("exit", (code, signal) => done(code ?? signal)));
  for await (const line of createInterface({ input: child.stdout })) if (line.includes("listening")) child.kill("SIGTERM");
  const how = await ended;
  if (how !== 0) throw new Error(`${program.join(" ")} ended with ${how}`);
}
