import { defined } from "../lib/defined.js";
import type { Settings } from "./read-settings.js";

const MS_PER_DAY = 86_400_000;

/** Access by keys. */
export interface AccessConfig {
  /** What needs no key. */
  readonly open: ReadonlySet<Settings["authOpen"][number]>;
  /** Bad keys that one address may send in a minute. */
  readonly maxTries: number;
  /** How long it is kept who did what. */
  readonly auditMs: number;
  /** Of one key, on all replicas together. Absent: no limit. */
  readonly requestsPerMinute?: number;
  readonly uploadBytesPerMinute?: number;
}

/** @returns undefined where nobody is asked for a key. */
export function toAccess(s: Settings): AccessConfig | undefined {
  if (s.auth !== "keys") return undefined;
  const auditMs = s.auditDays * MS_PER_DAY;
  const { requestsPerMinute, uploadBytesPerMinute } = s;
  return {
    ...{ open: new Set(s.authOpen), maxTries: s.authTries, auditMs },
    ...defined({ requestsPerMinute, uploadBytesPerMinute }),
  };
}
