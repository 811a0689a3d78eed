import { once } from "node:events";
import { mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { extname, join, relative, resolve } from "node:path";
import { createGrpcClients } from "../client/client.js";
import { ProgressBar } from "./progress-bar.js";
import { printReport } from "./report.js";
import { runTask } from "./run-task.js";
import { startService } from "./service-process.js";
import { writeSideBySide } from "./side-by-side.js";

/** A photograph by NASA, in the public domain. */
const SAMPLE = join("docs", "sample.png");
/** An event of a signal alone does not keep the process. */
const KEEP_ALIVE_MS = 60_000;
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
    const taskId = await superResolve(service.url, given ?? SAMPLE, stop.signal);
    await showPage(`${service.url}/dashboard#/tasks/${taskId}`, stop.signal);
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
}

/** @param input a path or a URL, as the user gave it. @returns the task's id. */
async function superResolve(address: string, input: string, signal: AbortSignal): Promise<string> {
  using clients = createGrpcClients(address);
  const isUrl = /^https?:\/\//i.test(input);
  const { url } = isUrl ? { url: input } : await clients.upload(resolve(input), { signal });
  const isVideo = VIDEO.has(extname(new URL(url).pathname).toLowerCase());
  const type = isVideo ? "video" : "image";
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
  return task.taskId;
}

/** Names the page with the result. On a terminal it can be looked at until the user ends the demo. */
async function showPage(url: string, signal: AbortSignal): Promise<void> {
  if (!process.stdout.isTTY) {
    console.log(`page       ${url}  (on a terminal it stays until Ctrl-C)`);
    return;
  }
  console.log(`page       ${url}  (before and after; Ctrl-C ends the demo)`);
  const keepAlive = setInterval(() => undefined, KEEP_ALIVE_MS);
  if (!signal.aborted) await once(signal, "abort");
  clearInterval(keepAlive);
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

demo(process.argv[2]).catch((error: unknown) => {
  console.error(`\nThe demo failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
});
