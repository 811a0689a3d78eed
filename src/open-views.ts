import type { Monitor } from "./api/rpc/monitor-handlers.js";
import type { ApiServices } from "./api/rpc/services.js";
import type { Tasks } from "./api/rpc/task-handlers.js";
import type { Workflows } from "./api/rpc/workflow-handlers.js";
import { perObject } from "./lib/per-object.js";
import type { NewsView } from "./service/task-service.js";
import {
  hideInChunk,
  hideInError,
  hideInStats,
  hideInView,
  hideInWorkflow,
} from "./service/without-servers.js";

/** The same use cases for callers who may not know the servers. */
export function withoutServers(services: ApiServices): ApiServices {
  return {
    ...services,
    tasks: hideInTasks(services.tasks),
    monitor: hideInMonitor(services.monitor),
    workflows: hideInWorkflows(services.workflows),
  };
}

function hideInTasks(tasks: Tasks): Tasks {
  const hideInNews = perObject(
    (news: NewsView): NewsView =>
      "view" in news ? { ...news, view: hideInView(news.view) } : news,
  );
  return {
    create: (request) => hidden(tasks.create(request)),
    createTogether: (requests) => hidden(tasks.createTogether(requests)),
    retry: (taskId) => hidden(tasks.retry(taskId)),
    violations: (request) => tasks.violations(request),
    cancel: (taskId) => tasks.cancel(taskId),
    cancelAll: (...args) => tasks.cancelAll(...args),
    cancelLabeled: (...args) => tasks.cancelLabeled(...args),
    get: async (taskId) => hideInView(await tasks.get(taskId)),
    chunks: async (taskId) => (await tasks.chunks(taskId)).map(hideInChunk),
    list: async (request) => {
      const page = await tasks.list(request);
      return { ...page, tasks: page.tasks.map(hideInView) };
    },
    watch: (...args) => mapped(tasks.watch(...args), hideInView),
    watchMany: (...args) => mapped(tasks.watchMany(...args), hideInNews),
  };
}

function hideInMonitor(monitor: Monitor): Monitor {
  return {
    ...monitor,
    stats: async (labels) => hideInStats(await monitor.stats(labels)),
    watchStats: (...args) => mapped(monitor.watchStats(...args), hideInStats),
  };
}

function hideInWorkflows(workflows: Workflows): Workflows {
  return {
    list: () => workflows.list().map(hideInWorkflow),
    get: (name) => hideInWorkflow(workflows.get(name)),
  };
}

/** What comes of a request whose refusal may tell what each server lacks. */
async function hidden<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw hideInError(error);
  }
}

async function* mapped<T>(source: AsyncIterable<T>, map: (item: T) => T): AsyncGenerator<T> {
  for await (const item of source) yield map(item);
}
