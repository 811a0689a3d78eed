import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, symlink, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import sharp from "sharp";
import { expect, onTestFinished, test } from "vitest";
import { startCpuServer } from "../../support/cpu-server.js";
import { blocksOf, ROOT } from "../../support/doc-blocks.js";
import { eventually } from "../../support/eventually.js";
import { aPicture } from "../../support/pictures.js";
import { startService } from "../../support/service-process.js";
import { tempDir } from "../../support/temp-dir.js";
import { startTestApp } from "../../support/test-app.js";

// The examples of docs/clients.md for other languages, run as they stand there, but for the port.

const FAST = { simulate: { steps: 2, stepMs: 5 } };
/** Long enough for the service to be killed in between. */
const SLOW = { simulate: { steps: 40, stepMs: 100 } };
const LIMIT_MS = 120_000;
/** A Python with gRPC; `.ci/grpc-tools` finds it, and gets protoc and its plugins too. */
const python = process.env["TMLSR_PYTHON"];
const run = promisify(execFile);

/** A directory with the protos and a picture. */
async function workDir(): Promise<string> {
  const directory = await tempDir();
  await symlink(join(ROOT, "proto"), join(directory, "proto"));
  const picture = sharp(await aPicture(32, 24)).jpeg();
  await writeFile(join(directory, "photo.jpg"), await picture.toBuffer());
  return directory;
}

async function example(section: string, language: string, url?: string): Promise<string> {
  const blocks = await blocksOf("docs/clients.md");
  const found = blocks.find((each) => each.section === section && each.language === language);
  if (found === undefined) throw new Error(`docs/clients.md has no ${language} for ${section}`);
  return url === undefined
    ? found.code
    : found.code.replaceAll("localhost:6008", new URL(url).host);
}

async function sizeOf(path: string) {
  const { width, height } = await sharp(path).metadata();
  return [width, height];
}

test.skipIf(python === undefined)("curl takes a file to its result", async () => {
  const directory = await workDir();
  await using server = await startCpuServer({ switches: FAST });
  await using app = await startTestApp({ servers: [server.url] });
  const script = await example("curl", "sh", app.url);
  await run("sh", ["-e", "-c", script], { cwd: directory, timeout: LIMIT_MS });
  expect(await sizeOf(join(directory, "result.png"))).toEqual([64, 48]);
});

test.skipIf(python === undefined)(
  "Python takes a file to its result, over a restart of the service in between",
  async () => {
    const directory = await workDir();
    await using server = await startCpuServer({ switches: SLOW });
    await using service = await startService([server.url]);
    await run("sh", ["-e", "-c", await example("Python", "sh")], { cwd: directory });
    const program = await example("Python", "python", service.url);
    await writeFile(join(directory, "upscale.py"), program);
    const child = spawn(python ?? "", ["upscale.py", "photo.jpg", "result.png"], {
      cwd: directory,
      env: { ...process.env, PYTHONPATH: "gen" },
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    const errors = text(child.stderr);
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
    const closed = once(child, "close");
    await eventually(() => /^[1-9]\d* %$/m.test(output));
    await service.kill();
    await service.start();
    expect([await closed, await errors]).toEqual([[0, null], ""]);
    expect(output.trim().split("\n").at(-1)).toBe("100 %");
    expect(await sizeOf(join(directory, "result.png"))).toEqual([64, 48]);
    const { body } = await service.rest("GET", "/tasks");
    expect(body.tasks).toMatchObject([{ status: "completed" }]);
  },
);

test.skipIf(python === undefined).each([
  ["Go", "tmlsr/v1", ["task.pb.go", "task_service.pb.go", "task_service_grpc.pb.go"]],
  ["Java", "com/tmlsr/v1", ["Task.java", "UploadRequest.java", "TaskServiceGrpc.java"]],
])(
  "the protos generate for %s, without what only the service needs",
  async (language, path, files) => {
    const directory = await workDir();
    await writeFile(join(directory, "buf.gen.yaml"), await example(language, "yaml"));
    const PATH = [join(ROOT, "node_modules/.bin"), process.env["PATH"]].join(delimiter);
    await run("buf", ["generate", "proto"], { cwd: directory, env: { ...process.env, PATH } });
    const generated = await readdir(join(directory, "gen"), { recursive: true });
    const expected = files.map((file) => `${path}/${file}`);
    expect(generated).toEqual(expect.arrayContaining(expected));
    expect(generated.filter((file) => /google|buf|grpc\//.test(file))).toEqual([]);
  },
);
