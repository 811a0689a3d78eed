/** Ends the process as kill -9 does: no handler runs, and nothing more is written. */
export function crash(): never {
  process.kill(process.pid, "SIGKILL");
  // The signal ends the process before this line.
  throw new Error("Cannot crash: the signal did not end the process");
}
