import { Worker } from "node:worker_threads";

/** What a {@link startWatchdog} watches. */
export interface WatchdogOptions {
  /** Written to standard error when the time is up, as one line. */
  readonly message: string;
  readonly limitMs: number;
}

/**
 * Kills this process unless the watchdog is disposed within `limitMs`. It is for synchronous calls
 * that may hang: no timer of the same thread can run meanwhile. Whoever started the process then
 * sees it end, instead of waiting for ever.
 */
export function startWatchdog({ message, limitMs }: WatchdogOptions): Disposable {
  const released = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  const workerData = { released, message, limitMs };
  // The flags of this process are left out: they may say that a text is a module, or want a loader.
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
