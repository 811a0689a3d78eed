import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { NODE_FLAGS } from "../../src/lib/node-flags.js";
import { eventually, LIMIT_MS } from "./eventually.js";
import { freePort } from "./free-port.js";
import { tempDir } from "./temp-dir.js";
import { callRest, type RestAnswer, type RestTask } from "./test-app.js";

/**
 * The service as its own process from `dist`. A test can kill it and start it again on the same
 * data.
 */
export interface TestService extends AsyncDisposable {
  readonly url: string;
  readonly dataDir: string;
  readonly pid: number;
  /** Every log line since the first start, parsed. */
  readonly lines: readonly LogLine[];
  rest(method: string, path: string, body?: unknown): Promise<RestAnswer>;
  submit(request: object): Promise<string>;
  task(taskId: string): Promise<RestTask>;
  /** Waits until `check` accepts the state of a task. */
  until(taskId: string, check: (task: RestTask) => boolean, limitMs?: number): Promise<RestTask>;
  ended(taskId: string, limitMs?: number): Promise<RestTask>;
  /** Sends a signal and waits for the process to end. @param signal the default is SIGKILL. */
  kill(signal?: NodeJS.Signals): Promise<number | null>;
  signal(signal: NodeJS.Signals): void;
  /** Starts the service again on the same port and data. */
  start(): Promise<void>;
}

/** A log line. */
export interface LogLine {
  readonly msg?: string;
  readonly level?: number;
  readonly [field: string]: unknown;
}

const MAIN = fileURLToPath(new URL("../../dist/main.js", import.meta.url));

/** Starts the service. @param servers URLs of ComfyUI servers; empty: standalone mode. */
export async function startService(
  servers: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<TestService> {
  const dataDir = await tempDir();
  const service = new Service(await freePort(), dataDir, {
    TMLSR_DATA_DIR: dataDir,
    TMLSR_INPUT_ALLOW: "127.0.0.1",
    TMLSR_RETRY_DELAY: "0.1",
    TMLSR_GRACE_SECONDS: "5",
    TMLSR_WORKFLOWS_DIR: fileURLToPath(new URL("../../workflows", import.meta.url)),
    ...(servers.length > 0 && { COMFYUI_SERVERS: servers.join(",") }),
    ...env,
  });
  await service.start();
  return service;
}

class Service implements TestService {
  readonly url: string;
  readonly dataDir: string;
  readonly lines: LogLine[] = [];
  readonly #env: Readonly<Record<string, string>>;
  #child: ChildProcess | undefined;

  constructor(port: number, dataDir: string, env: Readonly<Record<string, string>>) {
    this.url = `http://127.0.0.1:${port}`;
    this.dataDir = dataDir;
    this.#env = { ...env, TMLSR_PORT: String(port) };
  }

  get pid(): number {
    return this.#child?.pid ?? -1;
  }

  async start(): Promise<void> {
    const child = spawn(process.execPath, [...NODE_FLAGS, MAIN], {
      cwd: this.dataDir,
      env: this.#env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    let errors = "";
    child.stderr.on("data", (text: Buffer) => {
      errors += text.toString();
    });
    const isListening = new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error("The service did not start")), LIMIT_MS);
      child.once("exit", () => reject(new Error(`The service ended: ${errors}`)));
      createInterface({ input: child.stdout }).on("line", (line) => {
        const parsed = JSON.parse(line) as LogLine;
        this.lines.push(parsed);
        if (parsed.msg !== "listening") return;
        clearTimeout(timer);
        resolve();
      });
    });
    await isListening;
  }

  async rest(method: string, path: string, body?: unknown): Promise<RestAnswer> {
    return await callRest(this.url, method, path, body);
  }

  async submit(request: object): Promise<string> {
    const { status, body } = await this.rest("POST", "/tasks", request);
    if (status !== 200) throw new Error(`Not accepted: ${JSON.stringify(body)}`);
    return body.task_id;
  }

  async task(taskId: string): Promise<RestTask> {
    return (await this.rest("GET", `/tasks/${taskId}`)).body;
  }

  async until(
    taskId: string,
    check: (task: RestTask) => boolean,
    limitMs = LIMIT_MS,
  ): Promise<RestTask> {
    let last: RestTask;
    try {
      return await eventually(
        async () => {
          last = await this.task(taskId);
          return check(last) ? last : false;
        },
        { limitMs, intervalMs: 15 },
      );
    } catch (cause) {
      throw new Error(`Still not so: ${JSON.stringify(last)}`, { cause });
    }
  }

  async ended(taskId: string, limitMs?: number): Promise<RestTask> {
    const isEnded = (task: RestTask) => ["completed", "failed", "canceled"].includes(task.status);
    return await this.until(taskId, isEnded, limitMs);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<number | null> {
    const child = this.#child;
    if (child === undefined) return null;
    if (child.exitCode === null && child.signalCode === null) {
      const exited = once(child, "exit");
      child.kill(signal);
      await exited;
    }
    return child.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
