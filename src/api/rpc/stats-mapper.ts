import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  type HistoryMinuteSchema,
  ServerState,
  type ServerStatsSchema,
  ServerStatus,
  type StatsSchema,
} from "../../gen/tmlsr/v1/monitor_service_pb.js";
import type { MonitorService, StatsView } from "../../service/monitor-service.js";
import { toListedTask } from "./task-mapper.js";

type HistoryView = Awaited<ReturnType<MonitorService["history"]>>[number];
type ServerView = StatsView["servers"][number];

const SERVER_STATUS: Readonly<Record<ServerView["status"], ServerStatus>> = {
  idle: ServerStatus.IDLE,
  busy: ServerStatus.BUSY,
  offline: ServerStatus.OFFLINE,
};

const SERVER_STATE: Readonly<Record<ServerView["state"], ServerState>> = {
  unknown: ServerState.UNKNOWN,
  ready: ServerState.READY,
  quarantined: ServerState.QUARANTINED,
  half_open: ServerState.HALF_OPEN,
  draining: ServerState.DRAINING,
};

/** The stats as clients see them. */
export function toProtoStats(stats: StatsView): MessageInitShape<typeof StatsSchema> {
  const { counts, servers, tasks } = stats;
  return {
    system: {
      maxWorkers: servers.length,
      activeWorkers: servers.filter(({ status }) => status === "busy").length,
      queueSize: counts.pending,
    },
    poolStatus: servers.map(toServerStats),
    stats: counts,
    tasks: tasks.map(toListedTask),
  };
}

/** A minute as clients see it. */
export function toProtoMinute(minute: HistoryView): MessageInitShape<typeof HistoryMinuteSchema> {
  const { at, ended, queueAgeMs, servers } = minute;
  return {
    at: timestampFromDate(at),
    ...ended,
    queueAge: toSeconds(queueAgeMs),
    servers: servers.map(({ address, busyMs, idleMs, faultCount }) => ({
      ...{ address, busy: toSeconds(busyMs), idle: toSeconds(idleMs), faults: faultCount },
    })),
  };
}

/** With two decimals. */
function toSeconds(ms: number): number {
  return Math.round(ms / 10) / 100;
}

function toServerStats(server: ServerView): MessageInitShape<typeof ServerStatsSchema> {
  const { lastActiveAt, quarantinedUntil } = server;
  return {
    address: server.address,
    status: SERVER_STATUS[server.status],
    state: SERVER_STATE[server.state],
    reason: server.reason,
    lastActive: lastActiveAt && lastActiveAt.getTime() / 1000,
    quarantinedUntil: quarantinedUntil && timestampFromDate(quarantinedUntil),
    taskId: server.taskIds[0],
    taskIds: [...server.taskIds],
    loadedWorkflow: server.loadedWorkflow,
    devices: [...server.devices],
    version: server.version,
    workflows: [...server.workflows],
    missing: [...server.missing],
    queueDepth: server.queueDepth,
    workflowQuarantines: server.workflowQuarantines.map(({ workflow, reason, until }) => ({
      ...{ workflow, reason, until: timestampFromDate(until) },
    })),
  };
}
