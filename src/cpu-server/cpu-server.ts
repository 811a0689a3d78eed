import type { AddressInfo } from "node:net";
import type { FastifyInstance } from "fastify";
import { Folders } from "./folders.js";
import { addDiscoveryRoutes } from "./http/discovery-routes.js";
import { createHttpServer } from "./http/http-server.js";
import { addPromptRoutes } from "./http/prompt-routes.js";
import { addQueueRoutes } from "./http/queue-routes.js";
import { addUploadRoute } from "./http/upload-route.js";
import { addViewRoute } from "./http/view-route.js";
import { NetworkPool } from "./network/network-pool.js";
import { OneModelUpscaler } from "./network/one-model-upscaler.js";
import { createNodeClasses } from "./nodes/node-classes.js";
import { History } from "./prompts/history.js";
import { Interruption } from "./prompts/interruption.js";
import { NodeCache } from "./prompts/node-cache.js";
import { PromptQueue } from "./prompts/prompt-queue.js";
import { PromptWorker, type WorkerContext } from "./prompts/prompt-worker.js";
import { RunLog } from "./run-log.js";
import type { ServerHooks } from "./server-hooks.js";
import { SocketHub } from "./socket-hub.js";
import { acceptWebSockets } from "./web-sockets.js";

/** Options of a CPU server. */
export interface CpuServerOptions {
  /** The directory of `input/`, `output/` and `temp/`. It is created if it does not exist. */
  readonly dir: string;
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** How many worker threads compute. */
  readonly threadCount: number;
  /** Largest request body. */
  readonly maxUploadBytes: number;
  /** The file in which each step of each prompt is logged. Left out: no log. */
  readonly logPath?: string | undefined;
  readonly hooks: ServerHooks;
  /** Called for errors that are bugs. */
  readonly onError: (error: Error) => void;
}

/**
 * Starts a server that speaks ComfyUI's protocol (as version 0.3.64 does) and computes on this CPU.
 * It has ComfyUI's own node classes for pictures and videos, with Anime4K's small network as its
 * upscale models. It runs until its process ends; no clean-up is needed.
 *
 * @returns the URL it listens on.
 */
export async function startCpuServer(options: CpuServerOptions): Promise<string> {
  const { hooks, maxUploadBytes } = options;
  const folders = await Folders.open(options.dir);
  const app = createHttpServer(options);
  const pool = new NetworkPool(options.threadCount);
  const upscaler = new OneModelUpscaler(hooks.wrapUpscaler?.(pool) ?? pool);
  const log = new RunLog(options.logPath, () => upscaler.loadCount);
  const nodes = createNodeClasses(folders, upscaler, hooks);
  const features = { supports_preview_metadata: true, max_upload_size: maxUploadBytes };
  const queue: PromptQueue = new PromptQueue(() => sockets.broadcastStatus());
  const status = () => ({ exec_info: { queue_remaining: queue.remainingCount } });
  const sockets = new SocketHub(status, () => features, hooks);
  const context: WorkerContext = {
    ...{ hooks, log, nodes, queue, sockets },
    history: hooks.history ?? new History(),
    interruption: new Interruption(),
    cache: new NodeCache(nodes),
    unloadModels: async () => await upscaler.unload(),
  };
  const worker = new PromptWorker(context);
  hooks.addHttp?.(app, context);
  addPromptRoutes(app, { ...context, isNewer: () => hooks.isNewer?.() ?? false });
  addQueueRoutes(app, { ...context, requestFree: (request) => worker.requestFree(request) });
  addUploadRoute(app, folders, maxUploadBytes);
  addViewRoute(app, folders);
  addDiscoveryRoutes(app, nodes, features);
  acceptWebSockets(app.server, sockets, hooks);
  await app.listen({ host: options.host, port: options.port });
  return urlOf(app);
}

function urlOf(app: FastifyInstance): string {
  const { address, port, family } = app.server.address() as AddressInfo;
  return `http://${family === "IPv6" ? `[${address}]` : address}:${port}`;
}
