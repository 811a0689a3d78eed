import type { QueuedPrompt } from "../../pool/learned/queued-prompt.js";
import { mayQueue } from "../../pool/may-queue.js";
import type { Pool } from "../../pool/pool.js";
import type { PoolServer } from "../../pool/server/pool-server.js";
import {
  canRun,
  canRunSome,
  freeSlotCount,
  isTrusted,
  isUp,
} from "../../pool/server/server-fit.js";
import type { WorkflowCatalog } from "../../workflow/catalog/catalog.js";
import type { TaskRun } from "../run/task-run.js";
import {
  type LeasePlan,
  planLeases,
  type Reach,
  type RunAtHand,
  type ServerPlaces,
} from "./lease-plan.js";

/** What the planner works with. */
export interface LeasePlannerOptions {
  readonly pool: Pool;
  readonly catalog: Pick<WorkflowCatalog, "list" | "find">;
  /** Inputs fetched ahead per server. */
  readonly prefetchCount: number;
}

/** A download without progress for so long gives its place to another. */
const STALLED_MS = 2_000;

/** Says what to lease next, from the present state of the pool and of this process's runs. */
export class LeasePlanner {
  readonly #options: LeasePlannerOptions;
  /** Versions of workflows that a server could run since this process began. */
  readonly #seenRunnable = new Set<string>();

  constructor(options: LeasePlannerOptions) {
    this.#options = options;
  }

  /** The runs that have no slot yet, and where each could get one. */
  atHand(runs: Iterable<TaskRun>): RunAtHand[] {
    return [...runs].filter(isAhead).map((run) => {
      const { task } = run;
      const workflow = run.workflow ?? this.#options.catalog.find(task.workflow);
      const servers = this.#serversFor((server) => {
        const can = workflow && canRun(server, workflow, task.parameters);
        return can === true && isTrusted(server, task.workflow) && run.suits(server);
      });
      return { ...this.#reach(run.heldTask, servers), isStalled: isStalled(run) };
    });
  }

  plan(atHand: readonly RunAtHand[]): LeasePlan {
    const servers = this.#serversFor(() => true).map((server) => this.#placesOf(server));
    return planLeases(servers, atHand, this.#workflows());
  }

  /** A server's places: as many as are fetched ahead, and one more while it has no prompt. */
  #placesOf(server: PoolServer): ServerPlaces {
    const { id, loadedWorkflow, held } = server;
    return {
      ...{ id, loadedWorkflow, freeSlotCount: freeSlotCount(server, performance.now()) },
      placeCount: this.#options.prefetchCount + (held.size === 0 ? 1 : 0),
    };
  }

  /** The workflows that a server can run, and those that none will. */
  #workflows(): Reach[] {
    const { pool, catalog } = this.#options;
    return catalog.list().flatMap((workflow) => {
      const able = this.#serversFor((one) => canRunSome(one, workflow));
      const servers = able.filter((one) => isTrusted(one, workflow.name));
      if (able.length > 0) this.#seenRunnable.add(workflow.version);
      // A task of a workflow that no server can run was accepted while a server was not known yet.
      // By now that server is known, and lacks what the task needs. A workflow that a server could
      // run once may come back: a failed update of the server must not fail all tasks that wait.
      const mayCome = this.#seenRunnable.has(workflow.version) || pool.lacks(workflow).length === 0;
      return servers.length > 0 || !mayCome
        ? [this.#reach({ workflow: workflow.name }, servers)]
        : [];
    });
  }

  #serversFor(can: (server: PoolServer) => boolean): readonly PoolServer[] {
    return this.#options.pool.servers.filter((server) => isUp(server) && can(server));
  }

  #reach(prompt: QueuedPrompt, servers: readonly PoolServer[]): Reach {
    const { learned } = this.#options.pool;
    const nowMs = performance.now();
    const startsOn = servers.filter((server) => mayQueue(server, prompt, learned, nowMs));
    const { workflow } = prompt;
    return { workflow, servers: idsOf(servers), startsOn: idsOf(startsOn) };
  }
}

/** Whether a run has no slot yet: its input is fetched, or it waits for a server. */
function isAhead({ phase }: TaskRun): boolean {
  return phase === "download" || phase === "waiting";
}

function isStalled({ phase, heldTask }: TaskRun): boolean {
  return phase === "download" && performance.now() - heldTask.movedAtMs > STALLED_MS;
}

function idsOf(servers: readonly PoolServer[]): readonly string[] {
  return servers.map(({ id }) => id);
}
