/**
 * The client of one ComfyUI server. The endpoints were recorded from ComfyUI 0.3.64. The jobs API
 * was read from the newer `server.py` of 2026. All routes are used without the prefix `/api`, which
 * older servers lack. The jobs API exists only with the prefix.
 */
import type { z } from "zod";
import type { OutputFile } from "../domain/task.js";
import type { Logger } from "../lib/logger.js";
import { AnsweredStatus, statusError } from "./comfy-errors.js";
import { ComfyHttp, type HttpCall } from "./comfy-http.js";
import { ComfyEvents } from "./events/comfy-events.js";
import { type NodeInfo, nodeInfo } from "./node-info.js";
import type { Prompt } from "./prompt/prompt.js";
import { rejectionError } from "./prompt/prompt-errors.js";
import { PromptNumbers } from "./prompt/prompt-numbers.js";
import { DEFAULT_LIMITS, type ServerLimits } from "./server-limits.js";
import { ServerUrl } from "./server-url.js";
import type { Transfer } from "./transfer.js";
import { type InputPlace, tooLarge, uploadInput } from "./upload-input.js";
import { type FetchedOutput, viewQuery, viewToFile } from "./view-to-file.js";
import * as wire from "./wire.js";

/** Options of a server's client. */
export interface ComfyServerOptions {
  /** http(s). May have a path prefix, credentials and a query, for servers behind a gateway. */
  readonly url: string;
  /** Headers of every request and of the WebSocket. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly limits?: Partial<ServerLimits>;
  readonly logger: Logger;
}

/** A prompt that `POST /prompt` has accepted. */
export interface Submitted {
  /** The id under which the prompt runs. Older servers choose it themselves. */
  readonly promptId: string;
  /** Counts the server's prompts since its start, whoever sends them; undefined where it does not say. */
  readonly number: number | undefined;
  /** Not empty: the server accepted the prompt but silently dropped some outputs. */
  readonly nodeErrors: wire.NodeErrors;
}

/** Facts about an output that are known without fetching it. */
export interface OutputHead {
  /** Undefined if the server does not state it. */
  readonly sizeBytes: number | undefined;
}

type OnProgress = NonNullable<Transfer["onProgress"]>;

/**
 * One ComfyUI server over HTTP, with its events in {@link events}. Nothing is requested until a
 * method is called.
 *
 * Every method throws a TaskError of the server family if the server does not answer in time
 * (SERVER_UNREACHABLE) or gives an answer that ComfyUI never gives (SERVER_FAULT). It throws the
 * signal's reason once the signal is aborted.
 */
export class ComfyServer implements AsyncDisposable {
  /** The URL without credentials and query. It is the server's id everywhere. */
  readonly address: string;
  readonly limits: ServerLimits;
  readonly events: ComfyEvents;
  readonly #http: ComfyHttp;
  readonly #numbers = new PromptNumbers();
  /** The restart signs when the jobs API was last seen missing: a restarted server may be another version. */
  #jobsMissingSince: number | undefined;
  /** The largest upload of this server process, and {@link restartSignCount} when it was read. */
  #uploadLimit: { readonly maxBytes: number; readonly since: number } | undefined;

  /** @throws TaskError INVALID_REQUEST for a URL or headers that cannot be used */
  constructor({ url, headers, limits, logger }: ComfyServerOptions) {
    const serverUrl = new ServerUrl(url, headers);
    this.address = serverUrl.address;
    this.limits = { ...DEFAULT_LIMITS, ...limits };
    this.#http = new ComfyHttp(serverUrl, this.limits.connectMs);
    const child = logger.child({ part: "comfy", server: this.address });
    this.events = new ComfyEvents({ url: serverUrl, limits: this.limits, logger: child });
  }

  /**
   * Grows with every sign that the server's process has ended: a refused connection, a broken event
   * socket, a falling prompt number. After such a sign its queue and history may be empty.
   */
  get restartSignCount(): number {
    return this.#http.refusedCount + this.events.abnormalCloseCount + this.#numbers.fallCount;
  }

  /** Version and devices. It answers even if the thread that runs prompts is dead. */
  systemStats(signal: AbortSignal): Promise<wire.SystemStats> {
    return this.#read("read the state of", "/system_stats", signal, wire.systemStatsSchema);
  }

  features(signal: AbortSignal): Promise<wire.Features> {
    return this.#read("read the features of", "/features", signal, wire.featuresSchema);
  }

  /** Describes a node class; undefined if the server does not have it. */
  async objectInfo(className: string, signal: AbortSignal): Promise<NodeInfo | undefined> {
    const path = `/object_info/${encodeURIComponent(className)}`;
    const call = { action: `describe node class "${className}" of`, path, signal };
    const limitMs = this.limits.slowRequestMs;
    const classes = await this.#http.read({ ...call, limitMs }, wire.recordSchema);
    return Object.hasOwn(classes, className) ? nodeInfo(classes[className]) : undefined;
  }

  /** The files in a model folder; none if there is no such folder. */
  async models(folder: string, signal: AbortSignal): Promise<readonly string[]> {
    const path = `/models/${encodeURIComponent(folder)}`;
    const read = this.#read(`list models "${folder}" of`, path, signal, wire.modelsSchema);
    return await read.catch((error: unknown) => noneIfMissing(error, []));
  }

  /** How many prompts run or wait. The cheapest request. */
  queueRemaining(signal: AbortSignal): Promise<number> {
    return this.#read("read the queue length of", "/prompt", signal, wire.queueRemainingSchema);
  }

  queue(signal: AbortSignal): Promise<wire.Queue> {
    return this.#read("read the queue of", "/queue", signal, wire.queueSchema);
  }

  /** How a prompt ended; undefined if it has not ended or is not known to the server. */
  async history(promptId: string, signal: AbortSignal): Promise<wire.HistoryEntry | undefined> {
    const path = `/history/${encodeURIComponent(promptId)}`;
    const entries = await this.#read("read the history of", path, signal, wire.historySchema);
    return Object.hasOwn(entries, promptId) ? entries[promptId] : undefined;
  }

  /** Deletes the history of a prompt. Harmless if there is none. */
  async deleteHistory(promptId: string, signal: AbortSignal): Promise<void> {
    await this.#send("clean the history of", "/history", { delete: [promptId] }, signal);
  }

  /** Asks for all models and cached results to be dropped, when the running prompt has ended. */
  async free(signal: AbortSignal): Promise<void> {
    await this.#send(
      "free the memory of",
      "/free",
      { unload_models: true, free_memory: true },
      signal,
    );
  }

  /** Interrupts a prompt if it runs. Servers before September 2025 stop whichever prompt runs. */
  async interrupt(promptId: string, signal: AbortSignal): Promise<void> {
    await this.#send("interrupt a prompt on", "/interrupt", { prompt_id: promptId }, signal);
  }

  /** Takes a prompt out of the queue if it waits there. */
  async deleteFromQueue(promptId: string, signal: AbortSignal): Promise<void> {
    await this.#send("take a prompt off", "/queue", { delete: [promptId] }, signal);
  }

  /**
   * Cancels a waiting or running prompt in one step, if the server can do that (2026 and later).
   *
   * @returns whether there was a prompt to cancel; undefined if the server has no jobs API.
   */
  async cancelJob(promptId: string, signal: AbortSignal): Promise<boolean | undefined> {
    if (this.#jobsMissingSince === this.restartSignCount) return undefined;
    const path = `/api/jobs/${encodeURIComponent(promptId)}/cancel`;
    const call = this.#call("cancel a prompt on", path, signal);
    const { statusCode, text } = await this.#http.call({ ...call, method: "POST" });
    if (statusCode === 200) return this.#http.parse(call, text, wire.jobCanceledSchema).cancelled;
    // A server with the jobs API answers in JSON if it does not know the prompt.
    if (statusCode === 404 && text.trimStart().startsWith("{")) return false;
    if (statusCode !== 404 && statusCode !== 405)
      throw statusError(this.#http.attempted(call.action), statusCode);
    this.#jobsMissingSince = this.restartSignCount;
    return undefined;
  }

  /**
   * Sends a prompt, once. If no answer comes, the server may still have taken the prompt.
   *
   * @throws TaskError PROMPT_REJECTED, or SERVER_FAULT if another server may take the prompt
   */
  async submit(
    prompt: Prompt,
    promptId: string,
    clientId: string,
    extraData: object,
    signal: AbortSignal,
  ): Promise<Submitted> {
    const before = this.#numbers.last;
    const json = { prompt, prompt_id: promptId, client_id: clientId, extra_data: extraData };
    const limitMs = this.limits.slowRequestMs;
    const call: HttpCall = {
      ...this.#call("submit a prompt to", "/prompt", signal),
      limitMs,
      method: "POST",
      json,
    };
    const { statusCode, text } = await this.#http.call(call);
    if (statusCode === 400)
      throw rejectionError(this.address, this.#http.parse(call, text, wire.rejectionSchema));
    if (statusCode !== 200) throw statusError(this.#http.attempted(call.action), statusCode);
    const { prompt_id, number, node_errors } = this.#http.parse(call, text, wire.submittedSchema);
    if (number !== undefined) this.#numbers.note(number, before, this.restartSignCount);
    return { promptId: prompt_id, number, nodeErrors: node_errors };
  }

  /**
   * Sends an input file. It replaces a file of the same name.
   *
   * @returns the value for a node's file input: `subfolder/name` as the server answered it.
   * @throws TaskError INPUT_TOO_LARGE if the file is larger than the server accepts
   */
  async uploadInput(
    path: string,
    place: InputPlace,
    signal: AbortSignal,
    onProgress?: OnProgress,
  ): Promise<string> {
    const maxBytes = await this.#maxUploadBytes(signal);
    if (place.sizeBytes > maxBytes) throw tooLarge(this.#http, place, maxBytes);
    return await uploadInput(this.#http, path, place, this.#transfer(signal, onProgress));
  }

  /**
   * Fetches an output into a file. The file appears at `path` only when it is complete.
   *
   * @returns undefined if the server does not have the output.
   * @throws TaskError DISK_FULL
   */
  async viewToFile(
    output: OutputFile,
    path: string,
    signal: AbortSignal,
    onProgress?: OnProgress,
  ): Promise<FetchedOutput | undefined> {
    const { resumeCount } = this.limits;
    return await viewToFile(this.#http, output, path, {
      ...this.#transfer(signal, onProgress),
      resumeCount,
    });
  }

  /** Checks whether an output exists. @returns undefined if it does not */
  async headView(output: OutputFile, signal: AbortSignal): Promise<OutputHead | undefined> {
    const call = this.#call(`look for output "${output.filename}" on`, "/view", signal);
    const query = viewQuery(output);
    const { statusCode, headers } = await this.#http.call({ ...call, query, method: "HEAD" });
    if (statusCode === 404) return undefined;
    if (statusCode !== 200) throw statusError(this.#http.attempted(call.action), statusCode);
    const length = headers["content-length"];
    return { sizeBytes: typeof length === "string" ? Number(length) : undefined };
  }

  /** Aborts all running calls and closes all connections. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.events[Symbol.asyncDispose]();
    await this.#http[Symbol.asyncDispose]();
  }

  async #maxUploadBytes(signal: AbortSignal): Promise<number> {
    const since = this.restartSignCount;
    if (this.#uploadLimit?.since === since) return this.#uploadLimit.maxBytes;
    const none: wire.Features = {};
    const features = await this.features(signal).catch((error) => noneIfMissing(error, none));
    const maxBytes = features.maxUploadBytes ?? Number.POSITIVE_INFINITY;
    this.#uploadLimit = { maxBytes, since };
    return maxBytes;
  }

  #call(action: string, path: string, signal: AbortSignal): HttpCall {
    return { action, path, signal, limitMs: this.limits.requestMs };
  }

  #read<T>(action: string, path: string, signal: AbortSignal, schema: z.ZodType<T>): Promise<T> {
    return this.#http.read(this.#call(action, path, signal), schema);
  }

  #send(action: string, path: string, json: object, signal: AbortSignal): Promise<void> {
    return this.#http.send({ ...this.#call(action, path, signal), json });
  }

  #transfer(signal: AbortSignal, onProgress: OnProgress | undefined): Transfer {
    return { signal, onProgress, idleMs: this.limits.transferIdleMs };
  }
}

function noneIfMissing<T>(error: unknown, none: T): T {
  const isMissing =
    error instanceof Error &&
    error.cause instanceof AnsweredStatus &&
    error.cause.statusCode === 404;
  if (isMissing) return none;
  throw error;
}
