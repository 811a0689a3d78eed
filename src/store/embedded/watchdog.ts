import { Worker } from "node:worker_threads";

/** What a {@link startWatchdog} watches. */
export interface WatchdogOptions {
  /** Said on standard error when time is up, as one line. */
  readonly message: string;
  readonly limitMs: number;
}

/**
 * Kills this process unless it is disposed within `limitMs`. For synchronous calls that may hang,
 * where no timer of the same thread can run: whoever started the process sees it end instead of wait
 * for ever.
 */
export function startWatchdog({ message, limitMs }: WatchdogOptions): Disposable {
  const released = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  const workerData = { released, message, limitMs };
  // Without the flags of this process, which may say that a text is a module or want a loader.
  const worker = new Worker(WATCH, { eval: true, workerData, execArgv: [] });
  worker.unref();
  return {
    [Symbol.dispose](): void {
      const flag = new Int32Array(released);
      Atomics.store(flag, 0, 1);
      Atomics.notify(flag, 0);
    },
  };
}

// Given as text: a file of its own would have to be found both as source and as build.
const WATCH = `
const { workerData } = require("node:worker_threads");
const { writeSync } = require("node:fs");
const { released, message, limitMs } = workerData;
if (Atomics.wait(new Int32Array(released), 0, 0, limitMs) === "timed-out") {
  writeSync(2, message + "\\n");
  process.kill(process.pid, "SIGKILL");
}
`;
