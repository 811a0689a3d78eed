import type { FastifyInstance } from "fastify";
import type { Upscaler } from "./network/upscaler.js";
import type { NodeClass, NodeResult } from "./nodes/node-class.js";
import type { History } from "./prompts/history.js";
import type { Interruption } from "./prompts/interruption.js";
import type { PromptQueue } from "./prompts/prompt-queue.js";
import type { RunLog } from "./run-log.js";
import type { FrameHooks, SocketHub } from "./socket-hub.js";
import type { Video } from "./video/video.js";
import type { VideoWriter } from "./video/write-video.js";

/** A node that is about to run or has run. */
export interface NodeRun {
  readonly classType: string;
  readonly nodeId: string;
  readonly promptId: string;
}

/** The parts of the server that a test can reach. */
export interface ServerParts {
  readonly sockets: SocketHub;
  readonly queue: PromptQueue;
  readonly history: History;
  readonly interruption: Interruption;
  readonly log: RunLog;
}

/** The places where a test can make the server misbehave. The plain server sets none of them. */
export interface ServerHooks extends FrameHooks {
  /** Adds HTTP hooks and routes. They are registered before the server's own. */
  addHttp?(app: FastifyInstance, parts: ServerParts): void;
  /** Wraps the real networks. */
  wrapUpscaler?(real: Upscaler): Upscaler;
  /** Adds node classes to the server's own. */
  moreNodes?(): readonly NodeClass[];
  /** Opens a film in another way than the server; undefined: as the server does. */
  openVideo?(path: string): Promise<Video | undefined>;
  /** Whether films of more than 8 bits can be asked for. */
  keepsDepth?(): boolean;
  /** Changes a film that was opened. */
  readVideo?(video: Video): Promise<Video>;
  /** How films are written. @default as the server does */
  videoWriter?(): VideoWriter | undefined;
  /** Holds ended prompts in place of the plain history. */
  readonly history?: History;
  /** Awaited before a prompt is taken from the queue. */
  beforeTake?(): Promise<void>;
  /** Awaited before a node runs. If it throws, the node fails with that error. */
  beforeNode?(node: NodeRun): Promise<void>;
  /** Changes the result of a node. */
  afterNode?(result: NodeResult): Promise<NodeResult>;
  /** Awaited between a prompt's last event and its history entry. */
  beforeHistory?(): Promise<void>;
  /** Whether requests for a WebSocket get no answer. */
  ignoresWebSockets?(): boolean;
  /** Whether the server behaves like a ComfyUI newer than 0.3.64. */
  isNewer?(): boolean;
}
