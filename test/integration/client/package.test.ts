import { execFile } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { isBuiltin } from "node:module";
import { join } from "node:path";
import { promisify } from "node:util";
import sharp from "sharp";
import { build } from "vite";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import * as client from "../../../src/client/client.js";
import { launchChromium } from "../../support/chromium.js";
import { type ClientProject, installClient } from "../../support/client-project.js";
import { startCpuServer } from "../../support/cpu-server.js";
import { blocksOf } from "../../support/doc-blocks.js";
import { startOrigin } from "../../support/http-origin.js";
import { aPicture } from "../../support/pictures.js";
import { startTestApp } from "../../support/test-app.js";

// The package of the client, packed and installed into an empty project.

const FAST = { simulate: { steps: 2, stepMs: 5 } };
const ADDRESS = "localhost:6008";
const LIMIT_MS = 150_000;
const run = promisify(execFile);

let project: ClientProject;
let photo: string;
beforeAll(async () => {
  project = await installClient();
  photo = join(project.directory, "photo.jpg");
  const picture = sharp(await aPicture(32, 24)).jpeg();
  await writeFile(photo, await picture.toBuffer());
  return () => project[Symbol.asyncDispose]();
});

async function example(section: string, address: string): Promise<string> {
  const blocks = await blocksOf("docs/clients.md");
  const found = blocks.find((block) => block.section === section && block.language === "js");
  if (found === undefined) throw new Error(`docs/clients.md has no example for ${section}`);
  return found.code.replace(ADDRESS, new URL(address).host);
}

test("the package holds the client alone", async () => {
  const files = await readdir(join(project.directory, "node_modules/tmlsr-client"), {
    recursive: true,
    withFileTypes: true,
  });
  const names = files.filter((file) => file.isFile()).map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(["client.js", "web.d.ts", "task_pb.js"]));
  expect(names.filter((name) => !/\.(js|d\.ts)$|^package\.json$/.test(name))).toEqual([]);
  const installed = await readdir(join(project.directory, "node_modules"));
  expect(installed.filter((name) => /fastify|mongodb|sharp|mediabunny/.test(name))).toEqual([]);
});

test("it offers in Node.js what tmlsr/client offers, and takes a file to its result", async () => {
  await using server = await startCpuServer({ switches: FAST });
  await using app = await startTestApp({ servers: [server.url] });
  const code = `${await example("Node.js", app.url)}
    console.log(JSON.stringify(Object.keys(await import("tmlsr-client"))));`;
  await writeFile(join(project.directory, "node.js"), code);
  const { stdout, stderr } = await run(process.execPath, ["node.js"], {
    cwd: project.directory,
    timeout: LIMIT_MS,
  });
  expect(stderr).toBe("");
  expect(JSON.parse(stdout).sort()).toEqual(Object.keys(client).sort());
  const { width, height } = await sharp(join(project.directory, "result.png")).metadata();
  expect([width, height]).toEqual([64, 48]);
});

test("its entry for browsers takes a file to its result in Chromium", async () => {
  const origin = await startPages();
  await using server = await startCpuServer({ switches: FAST });
  const env = { TMLSR_CORS_ORIGINS: origin.url };
  await using app = await startTestApp({ servers: [server.url], env });
  const page = await origin.open(await example("Browser", app.url));
  await page.setInputFiles("input", photo);
  await page.addScriptTag({ url: "/page.js", type: "module" });
  await page.waitForFunction("document.images[0].naturalWidth > 0", undefined, {
    timeout: LIMIT_MS,
  });
  const size = "[document.images[0].naturalWidth, document.images[0].naturalHeight]";
  expect(await page.evaluate(size)).toEqual([64, 48]);
});

test("its entry for browsers tells why a call failed, over either protocol", async () => {
  const origin = await startPages();
  await using app = await startTestApp({ env: { TMLSR_CORS_ORIGINS: origin.url } });
  const page = await origin.open(`
    import { createWebClients, errorCodeOf } from "tmlsr-client/web";
    const codeOf = (call) => call.then(() => "none", errorCodeOf);
    const [connect, grpcWeb] = ["connect", "grpc-web"].map((protocol) =>
      createWebClients(${JSON.stringify(app.url)}, { protocol }));
    globalThis.codes = await Promise.all([
      codeOf(connect.tasks.getTask({ taskId: "none" })),
      codeOf(grpcWeb.tasks.getTask({ taskId: "none" })),
      codeOf(connect.upload(new Blob(["no picture"]), { fileName: "a.txt" })),
    ]);`);
  await page.addScriptTag({ url: "/page.js", type: "module" });
  await page.waitForFunction("globalThis.codes", undefined, { timeout: LIMIT_MS });
  expect(await page.evaluate("globalThis.codes")).toEqual([
    "TASK_NOT_FOUND",
    "TASK_NOT_FOUND",
    "INPUT_TYPE_UNSUPPORTED",
  ]);
});

/** An origin with one page, for which programs are bundled. */
async function startPages() {
  let script = "";
  const { url } = await startOrigin((request, response) => {
    const isScript = request.url === "/page.js";
    response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
    response.end(isScript ? script : "<!doctype html><input type=file><img>");
  });
  return {
    url,
    open: async (code: string) => {
      script = await bundle(code);
      const browser = await launchChromium();
      onTestFinished(() => browser.close());
      const page = await browser.newPage();
      await page.goto(url);
      return page;
    },
  };
}

/** Bundles a program of the project. Fails if it needs what only Node.js has. */
async function bundle(code: string): Promise<string> {
  const root = project.directory;
  await writeFile(join(root, "page.js"), code);
  await build({
    root,
    configFile: false,
    logLevel: "silent",
    plugins: [{ name: "browsers-alone", enforce: "pre", resolveId: refuseNode }],
    build: {
      target: "esnext",
      rolldownOptions: { input: "page.js", output: { entryFileNames: "page.js" } },
    },
  });
  return await readFile(join(root, "dist/page.js"), "utf8");
}

/** Vite itself would put an empty module there. */
function refuseNode(id: string): void {
  if (isBuiltin(id)) throw new Error(`Not for browsers: ${id}`);
}
