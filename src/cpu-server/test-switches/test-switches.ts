import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { FastifyInstance } from "fastify";
import { addRoute, jsonBody } from "../http/http-server.js";
import { isJsonObject, type JsonObject } from "../json.js";
import type { Upscaler } from "../network/upscaler.js";
import type { NodeClass, NodeResult } from "../nodes/node-class.js";
import type { NodeRun, ServerHooks, ServerParts } from "../server-hooks.js";
import type { Video } from "../video/video.js";
import type { VideoWriter } from "../video/write-video.js";
import { turnUpright } from "./comfy-films/turn-upright.js";
import { ForgetfulHistory } from "./forgetful-history.js";
import { addHttpFaults, ignoresRequest } from "./http-faults.js";
import { addJobsRoutes } from "./jobs-routes.js";
import { neighbourMean } from "./neighbour-mean.js";
import { applyNodeFault, spoilOutput } from "./node-faults.js";
import { SimulatedUpscaler } from "./simulated-upscaler.js";
import { addStatedMemory } from "./stated-memory.js";
import { type Switches, switchesSchema } from "./switches.js";
import { addUniqueIds } from "./unique-ids.js";
import { POLL_MS, waitAsSet } from "./wait-as-set.js";

/** The paths of the files that the switches need. */
export interface SwitchPaths {
  /** The directory of the server's folders. */
  readonly dir: string;
  /** Read by `GET /test/log`. */
  readonly logPath: string | undefined;
}

/**
 * Lets a test make the server misbehave like a real ComfyUI. `POST /test/switches` merges switches
 * in, `GET /test/switches` reads them, and `GET /test/log` reads the log of prompts.
 */
export class TestSwitches implements ServerHooks {
  readonly history = new ForgetfulHistory(() => this.#switches);
  readonly #paths: SwitchPaths;
  #switches: Switches;

  /** @throws ZodError if a switch is unknown or has a bad value. */
  constructor(switches: unknown, paths: SwitchPaths) {
    this.#switches = switchesSchema.parse(switches);
    this.#paths = paths;
  }

  addHttp(app: FastifyInstance, parts: ServerParts): void {
    addHttpFaults(app, () => this.#switches);
    addStatedMemory(app, () => this.#switches);
    addUniqueIds(app, parts, () => this.#switches);
    addJobsRoutes(app, parts, () => this.isNewer());
    addRoute(app, "/test/switches", {
      GET: async () => this.#switches,
      POST: async ({ body }, reply) => {
        try {
          this.#set(jsonBody(body), parts);
          return this.#switches;
        } catch (error) {
          return await reply.code(400).send({ error: String(error) });
        }
      },
    });
    addRoute(app, "/test/log", { GET: async () => this.#readLog() });
  }

  wrapUpscaler(real: Upscaler): Upscaler {
    return new SimulatedUpscaler(real, () => this.#switches);
  }

  moreNodes(): readonly NodeClass[] {
    return this.#switches.seesNeighbours ? [neighbourMean()] : [];
  }

  keepsDepth(): boolean {
    return this.#switches.films?.as === "deep";
  }

  async openVideo(path: string): Promise<Video | undefined> {
    if (!this.keepsDepth()) return undefined;
    // FFmpeg is loaded with the first film.
    const { openDeep } = await import("./comfy-films/open-deep.js");
    return await openDeep(path);
  }

  async readVideo(video: Video): Promise<Video> {
    const { films } = this.#switches;
    if (films === undefined || !(films.upright ?? films.as === "new")) return video;
    return await turnUpright(video);
  }

  videoWriter(): VideoWriter | undefined {
    const { films } = this.#switches;
    if (films === undefined) return undefined;
    return async (...args) => {
      // FFmpeg is loaded with the first film.
      const { writeAsComfy } = await import("./comfy-films/write-as-comfy.js");
      await writeAsComfy(...args, films.as);
    };
  }

  async beforeTake(): Promise<void> {
    while (this.#switches.workerDead) await sleep(POLL_MS);
  }

  async beforeNode(node: NodeRun): Promise<void> {
    await applyNodeFault(this.#switches, node);
  }

  async afterNode(result: NodeResult): Promise<NodeResult> {
    return await spoilOutput(this.#switches, this.#paths.dir, result);
  }

  async beforeHistory(): Promise<void> {
    await waitAsSet(() => this.#switches.history?.lateMs);
  }

  frames(frame: string): readonly (string | Buffer)[] {
    const { extraFields, ws } = this.#switches;
    if (ws === "silent") return [];
    const real = extraFields ? withUnknownField(frame) : frame;
    return ws === "junk" ? [...JUNK, real] : [real];
  }

  ignoresWebSockets(): boolean {
    return ignoresRequest(this.#switches, "GET", "/ws");
  }

  isNewer(): boolean {
    return this.#switches.newer ?? false;
  }

  #set(asked: unknown, { sockets }: ServerParts): void {
    if (!isJsonObject(asked)) throw new Error("Switches are an object");
    const { dropSockets, ...changes } = asked;
    const merged = Object.entries({ ...this.#switches, ...changes });
    const kept = merged.filter(([, value]) => value !== null && value !== undefined);
    this.#switches = switchesSchema.parse(Object.fromEntries(kept));
    if (dropSockets) sockets.dropAll();
  }

  #readLog(): JsonObject[] {
    const { logPath } = this.#paths;
    if (logPath === undefined) return [];
    const lines = readFileSync(logPath, "utf8").split("\n");
    return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as JsonObject);
  }
}

function withUnknownField(frame: string): string {
  const message = JSON.parse(frame) as { data: JsonObject };
  const data = { ...message.data, unknown_field: ["nobody", "knows"] };
  return JSON.stringify({ ...message, data, unknown_field: 1 });
}

const JUNK: readonly (string | Buffer)[] = [
  "not JSON {",
  "[1, 2, 3]",
  "null",
  '{"type": "nobody_knows", "data": {"prompt_id": 5}}',
  '{"type": "executing"}',
  '{"type": "progress", "data": {"value": "x", "max": null}}',
  Buffer.from([0, 0, 0, 1, 0, 0, 0, 9, 255]),
  Buffer.from([7]),
];
