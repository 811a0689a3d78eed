import type { GetHistoryResponse } from "../../client/gen/tmlsr/v1/monitor_service_pb.js";
import { millis } from "../texts/format.js";

const MINUTE_MS = 60_000;
const MINUTES = 60;

/** What a server did in one minute. */
export interface MinuteOfServer {
  /** The share of the minute in which it ran something, 0 to 1; undefined where nothing is known. */
  readonly busyRatio: number | undefined;
  readonly faults: number;
}

/** The last hour of a server, minute by minute, the oldest first: always 60. */
export function hourOf(
  { minutes }: GetHistoryResponse,
  address: string,
  nowMs: number,
): readonly MinuteOfServer[] {
  const lastMs = Math.floor(nowMs / MINUTE_MS) * MINUTE_MS;
  const known = new Map(minutes.map((minute) => [millis(minute.at), minute]));
  return Array.from({ length: MINUTES }, (_, index) => {
    const minute = known.get(lastMs - (MINUTES - 1 - index) * MINUTE_MS);
    const server = minute?.servers.find((each) => each.address === address);
    if (server === undefined) return { busyRatio: undefined, faults: 0 };
    const { busy, idle, faults } = server;
    return { busyRatio: busy + idle === 0 ? undefined : busy / (busy + idle), faults };
  });
}

/** What the last hour comes to over all servers. */
export interface HourTotals {
  /** 0 to 1; undefined where nothing is known. */
  readonly busyRatio: number | undefined;
  readonly completed: number;
  readonly failed: number;
  /** Of the newest minute, in seconds. */
  readonly queueAgeSeconds: number;
}

/** Adds the last hour up. */
export function totalsOf({ minutes }: GetHistoryResponse): HourTotals {
  const servers = minutes.flatMap((minute) => minute.servers);
  const busy = servers.reduce((sum, server) => sum + server.busy, 0);
  const all = servers.reduce((sum, server) => sum + server.busy + server.idle, 0);
  return {
    busyRatio: all === 0 ? undefined : busy / all,
    completed: minutes.reduce((sum, minute) => sum + minute.completed, 0),
    failed: minutes.reduce((sum, minute) => sum + minute.failed, 0),
    queueAgeSeconds: minutes.at(-1)?.queueAge ?? 0,
  };
}
