import {
  type EndedCounts,
  HISTORY_MINUTES,
  type HistoryMinute,
  type HistorySample,
  type ServerMinute,
  type ServerSample,
} from "../history-archive.js";

export const MINUTE_MS = 60_000;

/** What one process saw in one minute, as it is stored. */
export interface OwnMinute extends HistorySample {
  /** The minute's beginning, in milliseconds since 1970. */
  readonly minuteMs: number;
}

/** The minute of a time. */
export function minuteOf(nowMs: number): number {
  return nowMs - (nowMs % MINUTE_MS);
}

/** The first minute of a history; one more is needed to tell how many tasks ended in it. */
export function oldestMinute(nowMs: number): number {
  return minuteOf(nowMs) - HISTORY_MINUTES * MINUTE_MS;
}

/** What a process saw in a minute, with one more sample. */
export function addSample(
  former: OwnMinute | undefined,
  sample: HistorySample,
  minuteMs: number,
): OwnMinute {
  if (!former) return { ...sample, minuteMs };
  return {
    ...sample,
    minuteMs,
    queueAgeMs: Math.max(former.queueAgeMs, sample.queueAgeMs),
    servers: [
      ...groupBy([...former.servers, ...sample.servers], ({ address }) => address).values(),
    ].map((samples) => sumOf(samples)),
  };
}

/** The minutes of all processes. What they all see alike counts once. */
export function toHistory(minutes: readonly OwnMinute[], nowMs: number): readonly HistoryMinute[] {
  const byMinute = [...groupBy(minutes, ({ minuteMs }) => minuteMs)].sort(([a], [b]) => a - b);
  const totals = byMinute.map(([, own]) => endedOf(own));
  const all = byMinute.map(([minuteMs, own], index): HistoryMinute => {
    const ended = totals[index] ?? NONE;
    return {
      at: new Date(minuteMs),
      ended: difference(ended, totals[index - 1] ?? ended),
      queueAgeMs: Math.max(...own.map(({ queueAgeMs }) => queueAgeMs)),
      servers: serversOf(own),
    };
  });
  return all.filter(({ at }) => at.getTime() > oldestMinute(nowMs));
}

const NONE: EndedCounts = { completed: 0, failed: 0, canceled: 0 };

function serversOf(own: readonly OwnMinute[]): readonly ServerMinute[] {
  const samples = own.flatMap(({ servers }) => servers);
  return [...groupBy(samples, ({ address }) => address).values()].map((each) => {
    const { address, busyMs, faultCount } = sumOf(each);
    // Each process has slots of its own on a server, but all see alike whether it is there.
    const upMs = Math.max(...each.map((one) => one.upMs));
    const busy = Math.min(busyMs, MINUTE_MS);
    return { address, busyMs: busy, idleMs: Math.max(0, upMs - busy), faultCount };
  });
}

function sumOf(samples: readonly ServerSample[]): ServerSample {
  return samples.reduce((sum, one) => ({
    address: one.address,
    busyMs: sum.busyMs + one.busyMs,
    upMs: sum.upMs + one.upMs,
    faultCount: sum.faultCount + one.faultCount,
  }));
}

function endedOf(own: readonly OwnMinute[]): EndedCounts {
  const most = (name: keyof EndedCounts) => Math.max(...own.map(({ ended }) => ended[name]));
  return { completed: most("completed"), failed: most("failed"), canceled: most("canceled") };
}

function difference(to: EndedCounts, from: EndedCounts): EndedCounts {
  return {
    completed: to.completed - from.completed,
    failed: to.failed - from.failed,
    canceled: to.canceled - from.canceled,
  };
}

function groupBy<T, K>(items: readonly T[], keyOf: (item: T) => K): Map<K, [T, ...T[]]> {
  const groups = new Map<K, [T, ...T[]]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
}
