import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import sharp from "sharp";
import { expect, onTestFinished, test } from "vitest";
import { type Block, blocksOf, ROOT } from "../../support/doc-blocks.js";
import { eventually } from "../../support/eventually.js";
import { aPicture } from "../../support/pictures.js";
import { COMPLETED } from "../../support/task-store-builders.js";
import { tempDir } from "../../support/temp-dir.js";
import { useTestApp } from "../../support/use-test-app.js";

// What the READMEs show is run as it stands there, but for the port.

const api = useTestApp();

const READMES = ["README.md", "docs/README.zh-CN.md"] as const;
const EXAMPLE_ADDRESS = "localhost:6008";

const run = promisify(execFile);

/** The blocks of the English README whose code has something in it, with this test's port. */
async function examples(language: string, needle: string): Promise<string[]> {
  const all = await blocksOf(READMES[0]);
  const found = all.filter((block) => block.language === language && block.code.includes(needle));
  const port = api.app.app.api.port;
  return found.map(({ code }) => code.replaceAll(EXAMPLE_ADDRESS, `localhost:${port}`));
}

/** The commands of a shell block, each on one line and without the lines that are comments. */
function commandsOf(code: string): string[] {
  const lines = code.replaceAll("\\\n", " ").split("\n");
  return lines.filter((line) => line !== "" && !line.startsWith("#"));
}

async function shell(command: string, taskId = ""): Promise<string> {
  return (await run("sh", ["-c", command], { cwd: ROOT, env: environment(taskId) })).stdout;
}

function environment(taskId: string): NodeJS.ProcessEnv {
  const bin = join(ROOT, "node_modules", ".bin");
  return { ...process.env, TASK_ID: taskId, PATH: `${bin}:${process.env["PATH"]}` };
}

/** Writes a module to where the package finds itself by its name, as another program would find it. */
async function moduleFile(code: string): Promise<string> {
  const directory = await mkdtemp(join(ROOT, "dist", "readme-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const path = join(directory, "example.mjs");
  await writeFile(path, code);
  return path;
}

function withoutComments({ language, code }: Block): string {
  const comment = language === "js" ? /\s*\/\/ .*$/gm : /\s*(^|\s)# .*$/gm;
  return code.replace(comment, "");
}

test("both READMEs show the same code, apart from comments", async () => {
  const [english, chinese] = await Promise.all(
    READMES.map(async (readme) => {
      const code = (await blocksOf(readme)).filter(({ language }) => language !== "");
      return code.map((block) => `${block.language}\n${withoutComments(block)}`);
    }),
  );
  expect(english?.length).toBeGreaterThan(5);
  expect(chinese).toEqual(english);
});

test("the READMEs name npm scripts and settings that exist", async () => {
  const { scripts } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8"));
  const configuration = await readFile(join(ROOT, "docs/configuration.md"), "utf8");
  for (const readme of READMES) {
    const markdown = await readFile(join(ROOT, readme), "utf8");
    for (const [, script = ""] of markdown.matchAll(/\bnpm (?:run )?(start|test|(?<=run )\w+)/g))
      expect(Object.keys(scripts)).toContain(script);
    for (const [setting] of markdown.matchAll(/\b(TMLSR|COMFYUI|OSS|MONGODB)_[A-Z_]+\b/g))
      expect(configuration).toContain(`\`${setting}\``);
  }
});

test("the curl examples submit, read, watch and cancel a task, and show the stats", async () => {
  const [code = ""] = await examples("sh", "curl -s http");
  const [submit = "", read = "", watch = "", cancel = "", stats = "", ...more] = commandsOf(code);
  expect(more).toEqual([]);
  const created = JSON.parse(await shell(submit));
  const shown = JSON.parse(/^# (\{.*\})$/m.exec(code)?.[1] ?? "{}");
  expect(Object.keys(created)).toEqual(Object.keys(shown));
  expect(created).toMatchObject({ status: shown.status, task_id: expect.any(String) });
  const taskId = created.task_id;
  const task = JSON.parse(await shell(read, taskId));
  expect(task).toMatchObject({ task_id: taskId, status: "pending", type: "image", output: null });

  const watching = spawn("sh", ["-c", watch], { env: environment(taskId) });
  onTestFinished(() => void watching.kill());
  let events = "";
  watching.stdout.on("data", (chunk: Buffer) => {
    events += chunk.toString();
  });
  const watched = once(watching, "close");
  await eventually(() => events.includes('"status":"pending"'));
  expect(JSON.parse(await shell(cancel, taskId))).toEqual({ status: "canceled" });
  await watched;
  expect(events).toMatch(/^id: \d+\ndata: .*"status":"canceled".*\n\nevent: end\ndata: \{\}\n\n$/m);

  const { system } = JSON.parse(await shell(stats));
  expect(system).toEqual({ max_workers: 1, active_workers: 0, queue_size: 0 });
});

test("the gRPC example submits a task and watches it to its end", async () => {
  const [code = ""] = await examples("js", "createGrpcClients");
  const child = spawn(process.execPath, [await moduleFile(code)], { stdio: "pipe" });
  onTestFinished(() => void child.kill());
  const [output, errors] = [text(child.stdout), text(child.stderr)];
  const ended = once(child, "close");
  const taskId: string = await eventually(async () => {
    const { tasks } = (await api.get("/tasks?status=pending")).body;
    return tasks.length > 0 && tasks[0].task_id;
  });
  expect(await api.task(taskId)).toMatchObject({ type: "image" });
  await api.store.settle(await api.hold(taskId), COMPLETED);
  expect([await ended, await errors]).toEqual([[0, null], ""]);
  const url = `http://localhost:${api.app.app.api.port}/outputs/a.png`;
  expect((await output).trim().split("\n").at(-1)).toBe(`COMPLETED 100 ${url}`);
});

test("the upload examples give a URL that a task can be created with", async () => {
  const photo = join(await tempDir(), "photo.jpg");
  await writeFile(
    photo,
    await sharp(await aPicture())
      .jpeg()
      .toBuffer(),
  );
  const [code = ""] = await examples("sh", "/uploads");
  const uploaded = JSON.parse(await shell(code.replaceAll("photo.jpg", photo)));
  const shown = JSON.parse(/^# (\{.*\})$/m.exec(code)?.[1] ?? "{}");
  expect(Object.keys(uploaded)).toEqual(Object.keys(shown));
  expect(uploaded).toMatchObject({ media_type: shown.media_type });
  await api.submit({ url: uploaded.url, type: "image" });

  const [line = ""] = await examples("js", "clients.upload");
  const [whole = ""] = await examples("js", "createGrpcClients");
  const [imports = "", start = ""] = whole.split("\n").filter((each) => /createGrpc/.test(each));
  const file = await moduleFile(
    `${imports}\n${start}\n${line.replace("photo.jpg", photo)}console.log(url);clients[Symbol.dispose]();`,
  );
  const { stdout, stderr } = await run(process.execPath, [file], { timeout: 120_000 });
  expect([stdout, stderr]).toEqual([expect.stringMatching(/^upload:.*\/photo\.jpg\n$/), ""]);
  await api.submit({ url: stdout.trim(), type: "image" });
});

test("the Connect example reads a task and ends", async () => {
  const [code = ""] = await examples("js", "createConnectClients");
  const taskId = await api.submit();
  const file = await moduleFile(`const taskId = ${JSON.stringify(taskId)};\n${code}`);
  const { stdout, stderr } = await run(process.execPath, [file], { timeout: 120_000 });
  expect([stdout, stderr]).toEqual(["1 0\n", ""]);
});

test("the buf curl example needs no files", async () => {
  const [code = ""] = await examples("sh", "buf curl");
  expect(JSON.parse(await shell(code))).toEqual({ status: "HEALTH_STATUS_OK" });
});
