import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { type ApiServer, startApiServer } from "./api/api-server.js";
import type { ApiPlugin } from "./api/create-app.js";
import { registerDashboard } from "./api/http/dashboard-route.js";
import { registerFilmPreviews, type SegmentSource } from "./api/http/film-preview-route.js";
import { registerMetrics } from "./api/http/metrics-route.js";
import { registerOutputs } from "./api/http/outputs-route.js";
import { type OpenFile, registerInputs, registerPreviews } from "./api/http/task-pictures-route.js";
import type { Config } from "./config/config.js";
import type { ServerSetting } from "./config/server-setting.js";
import { FileSource } from "./input/file-source.js";
import type { InputSource } from "./input/input-source.js";
import { openUploads } from "./input/upload/open-uploads.js";
import { DisposalStack } from "./lib/disposal-stack.js";
import type { Logger } from "./lib/logger.js";
import { Metrics } from "./metrics/metrics.js";
import { openAccess } from "./open-access.js";
import { openInputs } from "./open-inputs.js";
import { openServices } from "./open-services.js";
import { openWebhooks, webhookRules } from "./open-webhooks.js";
import { loadAhead } from "./pipeline/load-ahead.js";
import { firstAnswers as waitForFirstAnswers } from "./pool/first-answers.js";
import { openPool, type ServerSettings } from "./pool/open-pool.js";
import type { Pool } from "./pool/pool.js";
import { ServerProber } from "./pool/server-prober.js";
import { Previews } from "./preview/previews.js";
import { buildScheduler } from "./scheduler/build-scheduler.js";
import type { Scheduler } from "./scheduler/scheduler.js";
import { AbandonedPromptSweeper } from "./scheduler/tidy/abandoned-prompt-sweeper.js";
import { openWork, type WorkOptions } from "./scheduler/tidy/open-work.js";
import { repeatPreviewSweeps } from "./scheduler/tidy/preview-sweeper.js";
import { repeatSweeps } from "./scheduler/tidy/retention-sweeper.js";
import { FilmPreviews } from "./service/film-previews.js";
import { CpuServerProcess } from "./standalone/cpu-server-process.js";
import { createLocalStorage } from "./storage/local/local-storage.js";
import type { ObjectStorage } from "./storage/object-storage.js";
import { reportStorage } from "./storage/report-storage.js";
import { openEmbeddedStore } from "./store/embedded/open-embedded-store.js";
import type { TaskStore } from "./store/task-store.js";
import { WorkflowCatalog } from "./workflow/catalog/catalog.js";

/** The whole service while it runs. */
export interface App extends AsyncDisposable {
  readonly api: ApiServer;
  readonly store: TaskStore;
  readonly pool: Pool;
  /** Resolves once `stop` is aborted and the scheduler has drained within the configured grace. */
  closed(stop: AbortSignal): Promise<void>;
}

/** The built-in CPU server's name in slots: its port changes with every start. */
const CPU_SERVER_ID = "cpu-server";
/** How long at most the start waits to learn what the servers can run. */
const FIRST_ANSWERS_MS = 1_000;
const CPU_SERVER_START_MS = 15_000;
/** How often the built-in CPU server is asked whether it is up. */
const CPU_SERVER_PROBE_MS = 50;

/**
 * Builds every object once, opens them in order and closes them in reverse. This is the only place
 * that names adapters and starts processes.
 *
 * @param open opens the store; by default the one that the configuration names.
 */
export async function openApp(config: Config, logger: Logger, open = openStore): Promise<App> {
  await using opened = new DisposalStack();
  for (const warning of config.warnings) logger.warn(warning);
  const metrics = new Metrics();
  const store = opened.use(metrics.observeStore(await open(config, logger)));
  // Early: the CPU server's process starts while the rest is built.
  const servers = await poolServers(config, logger, opened);
  const { directory, ...catalogOptions } = config.workflows;
  const catalog = opened.use(await WorkflowCatalog.load(directory, { ...catalogOptions, logger }));
  const location = { port: config.api.port };
  const { storage, plugins, openFile, segments } = await openStorage(config, location, logger);
  plugins.push((app) => registerMetrics(app, metrics));
  opened.use(storage);
  reportStorage(storage, logger);
  const pool = buildPool(config, servers, store, logger, opened);
  const { guard, inputAgent } = openInputs(config, opened);
  const workPath = await openWork(workOptions(config, store, logger), opened);
  const films = { config, location, store, storage, workPath, logger };
  const filmPreviews = openFilmPreviews(films, opened);
  plugins.push((app) => registerFilmPreviews(app, filmPreviews, segments));
  const spoolDirectory = join(workPath, "uploads");
  const uploads = opened.use(
    await openUploads({ ...config.uploads, spoolDirectory, storage, store, logger }),
  );
  const sources = [...inputSources(config), uploads.source];
  const previews = await Previews.open({ directory: workPath, storage, logger });
  metrics.scrape({ store, servers: pool.servers });
  const access = await openAccess(config, { store, storage, metrics, logger }, opened);
  const parts = { store, pool, storage, catalog, guard, inputAgent, sources, previews, logger };
  const scheduler = opened.use(buildScheduler({ ...config, workPath }, parts));
  const webhooks = webhookRules(config.webhooks);
  const shown = { ...parts, filmPreviews, webhooks, metrics, dataDir: config.dataDir };
  const served = openServices({ ...shown, uploads: uploads.uploads }, config, access, opened);
  plugins.push((app) => registerPreviews(app, served.tasks));
  plugins.push((app) => registerInputs(app, served.tasks, openFile));
  openProbers(config, { pool, catalog, logger: logger.child({ part: "prober" }) }, opened);
  const listening = { ...config.api, listenAfter: firstAnswers(pool, config) };
  const api = opened.use(await startApiServer({ ...listening, ...served, logger, plugins }));
  location.port = api.port;
  opened.use(
    new AbandonedPromptSweeper({ pool, store, logger: logger.child({ part: "sweeper" }) }),
  );
  opened.use(repeatSweeps({ ...config.store, store, storage, logger }));
  openWebhooks(config, { ...parts, ...access?.view, webhooks, filmPreviews, metrics }, opened);
  scheduler.start();
  opened.use(loadAhead(logger));
  const all = opened.move();
  return {
    ...{ api, store, pool },
    closed: (stop) => drained(stop, api, scheduler, config.graceMs, logger),
    [Symbol.asyncDispose]: () => all[Symbol.asyncDispose](),
  };
}

/** Asks every server again and again whether it is there. One of this machine is soon there. */
function openProbers(
  { servers }: Config,
  options: Omit<ConstructorParameters<typeof ServerProber>[0], "server">,
  opened: DisposalStack,
): void {
  const often = servers.length === 0 ? { downIntervalMs: CPU_SERVER_PROBE_MS } : {};
  for (const server of options.pool.servers)
    opened.use(new ServerProber({ ...options, ...often, server }));
}

/**
 * Waits a moment for the servers. The built-in CPU server answers in that time; others may be down
 * for long.
 */
async function firstAnswers(pool: Pool, { servers }: Config): Promise<void> {
  if (servers.length === 0) await waitForFirstAnswers(pool, CPU_SERVER_START_MS, true);
  else await waitForFirstAnswers(pool, FIRST_ANSWERS_MS, false);
}

async function drained(
  stop: AbortSignal,
  api: ApiServer,
  scheduler: Scheduler,
  graceMs: number,
  logger: Logger,
): Promise<void> {
  if (!stop.aborted)
    await new Promise((resolve) => stop.addEventListener("abort", resolve, { once: true }));
  logger.info("stopping");
  await Promise.all([api.close({ graceMs }), scheduler.stop(graceMs)]);
  logger.info("stopped");
}

/** Opens the store that the configuration names. */
export async function openStore(
  { store, dataDir, oss }: Config,
  logger: Logger,
): Promise<TaskStore> {
  const { mongodbUri: uri } = store;
  if (uri === undefined) return await openEmbeddedStore({ directory: dataDir, logger });
  if (oss === undefined)
    logger.warn("results are kept on local disk: replicas must share TMLSR_DATA_DIR");
  const { openMongoStore } = await import("./store/mongo/open-mongo-store.js");
  return await openMongoStore({ uri, logger });
}

interface FilmPreviewParts {
  readonly config: Config;
  readonly location: { readonly port: number };
  readonly store: TaskStore;
  readonly storage: ObjectStorage;
  readonly workPath: string;
  readonly logger: Logger;
}

/** Shows films that still render, and removes what is left of that some time after their end. */
function openFilmPreviews(
  { config, location, workPath, logger, ...parts }: FilmPreviewParts,
  opened: DisposalStack,
): FilmPreviews {
  const options = { ...parts, previewMs: config.films.previewMs, now: Date.now };
  opened.use(repeatPreviewSweeps({ ...options, logger }));
  return new FilmPreviews({
    ...{ ...options, directory: workPath },
    get publicUrl() {
      return publicUrlOf(config, location);
    },
  });
}

/** Where clients reach the service, without a slash at the end. */
function publicUrlOf({ publicUrl }: Config, { port }: { readonly port: number }): string {
  return publicUrl ?? `http://localhost:${port}`;
}

/** The storage, and what the service itself serves of it. */
interface OpenedStorage {
  readonly storage: ObjectStorage;
  readonly plugins: ApiPlugin[];
  readonly openFile: OpenFile;
  readonly segments: SegmentSource;
}

/** Loads an adapter with a large library only if it is configured: the start is quicker. */
async function openStorage(
  config: Config,
  location: { readonly port: number },
  logger: Logger,
): Promise<OpenedStorage> {
  const { oss, dataDir } = config;
  if (oss !== undefined) {
    const { createOssStorage } = await import("./storage/oss/oss-storage.js");
    const storage = createOssStorage(oss, { logger });
    const plugins = [dashboardBeside(storage)];
    const openFile: OpenFile = async (key, signal) =>
      (await storage.find(key, signal)) && (await storage.url(key));
    return { storage, plugins, openFile, segments: storage };
  }
  const storage = createLocalStorage({
    directory: dataDir,
    get publicUrl() {
      return publicUrlOf(config, location);
    },
  });
  const outputs: ApiPlugin = (app) => registerOutputs(app, storage);
  const plugins = [outputs, dashboardBeside(storage)];
  return { storage, plugins, openFile: (key) => storage.open(key), segments: { files: storage } };
}

/** The page, which shows results from the origin of their URLs. */
function dashboardBeside(storage: ObjectStorage): ApiPlugin {
  const origin = async (): Promise<string> => new URL((await storage.url("outputs/")).url).origin;
  return async (app) => await registerDashboard(app, origin);
}

/** The sources of inputs that are not on the network. */
function inputSources({ input: { directory, maxBytes } }: Config): readonly InputSource[] {
  return directory === undefined ? [] : [new FileSource({ directory, maxBytes })];
}

function buildPool(
  config: Config,
  servers: readonly ServerSettings[],
  store: TaskStore,
  logger: Logger,
  opened: DisposalStack,
): Pool {
  const { serverLostMs } = config.pool;
  const { maxBypassCount, maxBypassMs } = config.scheduler;
  const options = { servers, serverLostMs, maxBypassCount, maxBypassMs, logger };
  return openPool({ ...options, book: store }, opened);
}

/** The servers of the pool: those that are configured, else the built-in CPU server. */
async function poolServers(
  config: Config,
  logger: Logger,
  opened: DisposalStack,
): Promise<readonly ServerSettings[]> {
  if (config.servers.length > 0) return config.servers;
  return [{ id: cpuServerId(config), ...(await startCpuServer(config, logger, opened)) }];
}

/**
 * The CPU server's name. With a shared store, each replica has a CPU server of its own, which ends
 * with the replica.
 */
function cpuServerId({ store }: Config): string {
  return store.mongodbUri === undefined ? CPU_SERVER_ID : `${CPU_SERVER_ID}-${randomUUID()}`;
}

async function startCpuServer(
  { dataDir, cpuThreads }: Config,
  logger: Logger,
  opened: DisposalStack,
): Promise<ServerSetting> {
  logger.warn("no ComfyUI server is configured: the built-in CPU server does the work, slowly");
  const threads = cpuThreads === undefined ? {} : { threads: cpuThreads };
  const directory = join(dataDir, "cpu-server");
  const server = opened.use(await CpuServerProcess.start({ directory, ...threads, logger }));
  const folders = { input: join(directory, "input"), output: join(directory, "output") };
  return { url: server.url, headers: {}, queueDepth: "auto", folders };
}

/**
 * Replicas that share a data directory do not share scratch files: a frozen one may still write its
 * own.
 */
function workOptions(
  { dataDir, scheduler, ...config }: Config,
  store: TaskStore,
  logger: Logger,
): WorkOptions {
  const isShared = config.store.mongodbUri !== undefined;
  return { root: join(dataDir, "work"), isShared, leaseMs: scheduler.leaseMs, store, logger };
}
