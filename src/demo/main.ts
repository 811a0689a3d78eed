import { mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { extname, join, relative, resolve } from "node:path";
import { createGrpcClients } from "../client/client.js";
import { serveFile } from "./file-origin.js";
import { ProgressBar } from "./progress-bar.js";
import { printReport } from "./report.js";
import { runTask } from "./run-task.js";
import { startService } from "./service-process.js";
import { writeSideBySide } from "./side-by-side.js";

/** A photograph by NASA, in the public domain. */
const SAMPLE = join("docs", "sample.png");
const RESULT_DIR = resolve("data", "demo");
const VIDEO = new Set([".mp4", ".mov", ".webm", ".mkv", ".m4v"]);

/** Starts a service and runs one picture or video through it as a client. */
async function demo(given: string | undefined): Promise<void> {
  const workDir = await mkdtemp(join(tmpdir(), "tmlsr-demo-"));
  const stop = new AbortController();
  process.once("SIGINT", () => stop.abort(new Error("Interrupted")));
  try {
    console.log("Starting the service: embedded store, local disk, built-in CPU server ...");
    await using service = await startService(workDir, stop.signal);
    console.log(`It listens on ${service.url} (gRPC, gRPC-Web, Connect and REST).`);
    if (given !== undefined && /^https?:\/\//i.test(given))
      return await superResolve(service.url, given, given, stop.signal);
    const file = resolve(given ?? SAMPLE);
    await using origin = await serveFile(file);
    await superResolve(service.url, file, origin.url, stop.signal);
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
}

/** @param input a path or a URL, as the user gave it. */
async function superResolve(
  address: string,
  input: string,
  url: string,
  signal: AbortSignal,
): Promise<void> {
  const isVideo = VIDEO.has(extname(new URL(url).pathname).toLowerCase());
  const type = isVideo ? "video" : "image";
  using clients = createGrpcClients(address);
  using bar = new ProgressBar();
  const task = await runTask(clients, { url, type }, signal, (seen) => bar.show(seen));
  bar.end();
  const result = await saveResult(task.output?.url ?? "", task.output?.fileName ?? "result");
  const picture = isVideo ? undefined : await writeSideBySide(input, result, RESULT_DIR);
  const { workflow } = await clients.workflows.getWorkflow({ name: task.workflow });
  const { stats } = await clients.monitor.getStats({});
  await printReport(task, {
    type,
    result: shown(result),
    picture: picture && shown(picture),
    models: workflow?.models ?? [],
    devices: stats?.poolStatus.flatMap(({ devices }) => devices) ?? [],
  });
}

async function saveResult(url: string, fileName: string): Promise<string> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`The result answers ${response.status}`);
  await mkdir(RESULT_DIR, { recursive: true });
  const path = join(RESULT_DIR, fileName);
  await writeFile(path, new Uint8Array(await response.arrayBuffer()));
  if ((await stat(path)).size === 0) throw new Error("The result is empty");
  return path;
}

function shown(path: string): string {
  return relative(process.cwd(), path);
}

try {
  await demo(process.argv[2]);
} catch (error) {
  console.error(`\nThe demo failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
