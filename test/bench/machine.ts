import { cpus, hostname, loadavg } from "node:os";

/** Where and under what load figures were taken. */
export interface Machine {
  readonly host: string;
  readonly cores: number;
  readonly cpu: string;
  readonly node: string;
  /** Load averages over 1, 5 and 15 minutes at the start. */
  readonly load: readonly number[];
}

/** The machine as it is now. */
export function readMachine(): Machine {
  const all = cpus();
  return {
    host: hostname(),
    cores: all.length,
    cpu: all[0]?.model ?? "?",
    node: process.version,
    load: loadavg().map((value) => Math.round(value * 100) / 100),
  };
}
