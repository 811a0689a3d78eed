/** Ends the process as kill -9 does: no handler runs, nothing is written any more. */
export function crash(): never {
  process.kill(process.pid, "SIGKILL");
  // The signal ends the process before this is reached.
  throw new Error("Cannot crash: the signal did not end the process");
}
