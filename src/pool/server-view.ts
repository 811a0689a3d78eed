import { filmIdOf } from "../domain/film.js";
import type { Workflow } from "../workflow/workflow.js";
import type { Pool } from "./pool.js";
import type { PoolServer } from "./server/pool-server.js";
import { isUp, missingOn } from "./server/server-fit.js";
import type { FaultKind, ServerState } from "./server/server-health.js";
import type { WorkflowQuarantine } from "./server/workflow-faults.js";

/** One server as operators see it. */
export interface ServerView {
  /** Its URL without credentials and query. */
  readonly address: string;
  readonly status: "idle" | "busy" | "offline";
  readonly state: ServerState;
  readonly reason?: string;
  /** What it was taken out for. */
  readonly faultKind?: FaultKind;
  readonly quarantinedUntil?: Date;
  readonly lastActiveAt?: Date;
  /** The tasks whose prompts it holds, the running one first; of a chunk, its film. */
  readonly taskIds: readonly string[];
  readonly loadedWorkflow?: string;
  readonly devices: readonly string[];
  readonly version?: string;
  /** Names of the workflows it can run. */
  readonly workflows: readonly string[];
  /** What it lacks for the others, a sentence each. */
  readonly missing: readonly string[];
  readonly queueDepth: number;
  /** The workflows that it gets no tasks of, though it has what they need. */
  readonly workflowQuarantines: readonly (WorkflowQuarantine & { readonly workflow: string })[];
}

/** Describes every server of the pool. */
export function viewServers(pool: Pool, workflows: readonly Workflow[]): readonly ServerView[] {
  return pool.servers.map((server) => viewServer(server, workflows));
}

function viewServer(server: PoolServer, workflows: readonly Workflow[]): ServerView {
  const lacks = workflows.map((workflow) => ({
    workflow,
    missing: missingOn(server, workflow),
  }));
  return {
    address: server.comfy.address,
    status: statusOf(server),
    state: server.state,
    ...(server.health.reason !== undefined && { reason: server.health.reason }),
    ...(server.health.faultKind !== undefined && { faultKind: server.health.faultKind }),
    ...(server.health.retryAt && { quarantinedUntil: server.health.retryAt }),
    ...(server.lastActiveAt && { lastActiveAt: server.lastActiveAt }),
    taskIds: [...new Set([...server.held.values()].map(({ taskId }) => filmIdOf(taskId)))],
    ...(server.loadedWorkflow !== undefined && { loadedWorkflow: server.loadedWorkflow }),
    devices: server.devices,
    ...(server.version !== undefined && { version: server.version }),
    workflows: server.isKnown
      ? lacks.filter(({ missing }) => missing.length === 0).map(({ workflow }) => workflow.name)
      : [],
    missing: lacks.flatMap(({ workflow, missing }) =>
      missing.map((what) => `${workflow.name}: ${what}`),
    ),
    queueDepth: server.queueDepth === "auto" ? 2 : server.queueDepth,
    workflowQuarantines: server.workflowFaults.quarantines(new Date()),
  };
}

function statusOf(server: PoolServer): ServerView["status"] {
  if (server.held.size > 0) return "busy";
  return isUp(server) ? "idle" : "offline";
}
