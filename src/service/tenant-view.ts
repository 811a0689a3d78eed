import { TaskError } from "../domain/errors.js";
import type { Task } from "../domain/task.js";
import { tenantOf } from "../domain/tenant.js";
import type { TaskStore } from "../store/task-store.js";
import type { TaskServiceOptions } from "./task-service.js";

/** As much of a store as use cases of clients work with. */
export type ClientStore = TaskServiceOptions["store"] & Pick<TaskStore, "outbox">;

/** The ways to follow tasks. */
export type Watchers = Pick<TaskServiceOptions, "watcher" | "tasksWatcher">;

/**
 * The store as one tenant sees it: what is of others is not there. It never changes whose a task is, so
 * that what was found may then be written to. New tasks say themselves whose they are.
 */
export function storeOfTenant(store: ClientStore, tenant: string): ClientStore {
  const find = async (taskId: string): Promise<Task | undefined> => {
    const task = await store.get(taskId);
    return task && tenantOf(task) === tenant ? task : undefined;
  };
  const { outbox } = store;
  return {
    get storeId() {
      return store.storeId;
    },
    get hasTransactions() {
      return store.hasTransactions;
    },
    get: find,
    list: (request) => store.list({ ...request, tenant }),
    counts: (labels) => store.counts(labels, tenant),
    chunks: async (filmId) => ((await find(filmId)) ? await store.chunks(filmId) : []),
    cancel: async (taskId) => ((await find(taskId)) ? await store.cancel(taskId) : "not_found"),
    create: (...args) => store.create(...args),
    createTogether: (...args) => store.createTogether(...args),
    replay: (idempotency) => store.replay(idempotency, tenant),
    queueAgeMs: () => store.queueAgeMs(),
    subscribe: (listener) => store.subscribe(listener),
    saveWorkflow: (...args) => store.saveWorkflow(...args),
    loadWorkflow: (version) => store.loadWorkflow(version),
    outbox,
  };
}

/** Follows the tasks of one tenant. All tenants share the watchers, and what these read. */
export function watchersOfTenant(
  { watcher, tasksWatcher }: Watchers,
  store: Pick<ClientStore, "get">,
  tenant: string,
): Watchers {
  return {
    watcher: {
      watch: async function* (taskId, ...rest) {
        if ((await store.get(taskId)) === undefined)
          throw new TaskError("TASK_NOT_FOUND", "Task not found");
        yield* watcher.watch(taskId, ...rest);
      },
    },
    tasksWatcher: {
      watch: (watched, ...rest) => tasksWatcher.watch({ ...watched, tenant }, ...rest),
    },
  };
}
