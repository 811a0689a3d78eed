import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import {
  GetStatsResponseSchema,
  HealthStatus,
  type MonitorService as MonitorProto,
  StatsSchema,
  WatchStatsResponseSchema,
} from "../../gen/tmlsr/v1/monitor_service_pb.js";
import { perObject } from "../../lib/per-object.js";
import type { MonitorService, StatsView } from "../../service/monitor-service.js";
import { abortable } from "../calls/abortable.js";
import { toProtoMinute, toProtoStats } from "./stats-mapper.js";
import { toLabel } from "./task-request.js";

/** The use cases behind tmlsr.v1.MonitorService, grpc.health.v1 and `GET /ready`. */
export type Monitor = Pick<MonitorService, "stats" | "watchStats" | "ready" | "history" | "doctor">;

const DEFAULT_INTERVAL_MS = 1_000;
/** Limits the cost of the stats, which are cheap but not free. */
const MIN_INTERVAL_MS = 100;

/** The handlers of tmlsr.v1.MonitorService. Stats that look the same are one message for all who ask. */
export function createMonitorHandlers(monitor: Monitor): ServiceImpl<typeof MonitorProto> {
  const statsOf = perObject((view: StatsView) => create(StatsSchema, toProtoStats(view)));
  const toAnswer = perObject((view: StatsView) =>
    create(GetStatsResponseSchema, { stats: statsOf(view) }),
  );
  const toEvent = perObject((view: StatsView) =>
    create(WatchStatsResponseSchema, { stats: statsOf(view) }),
  );
  return {
    getHealth: () => ({ status: HealthStatus.OK }),

    async getStats({ label }) {
      if (label.length === 0) return toAnswer(await monitor.stats());
      return { stats: statsOf(await monitor.stats(label.map(toLabel))) };
    },

    async getHistory() {
      return { minutes: (await monitor.history()).map(toProtoMinute) };
    },

    async getDoctor() {
      return { findings: (await monitor.doctor()).map((finding) => ({ ...finding })) };
    },

    async *watchStats({ intervalSeconds }, { signal }) {
      const intervalMs = Math.max(intervalSeconds * 1000 || DEFAULT_INTERVAL_MS, MIN_INTERVAL_MS);
      for await (const stats of abortable(monitor.watchStats(intervalMs, signal), signal))
        yield toEvent(stats);
    },
  };
}
