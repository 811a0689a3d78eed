import type { FastifyInstance } from "fastify";
import type { Upscaler } from "./network/upscaler.js";
import type { NodeClasses, NodeResult } from "./nodes/node-class.js";
import type { History } from "./prompts/history.js";
import type { Interruption } from "./prompts/interruption.js";
import type { PromptQueue } from "./prompts/prompt-queue.js";
import type { RunLog } from "./run-log.js";
import type { FrameHooks, SocketHub } from "./socket-hub.js";

/** The node that is about to run or has run. */
export interface NodeRun {
  readonly classType: string;
  readonly nodeId: string;
  readonly promptId: string;
}

/** What the server is made of, as far as a test reaches in. */
export interface ServerParts {
  readonly sockets: SocketHub;
  readonly queue: PromptQueue;
  readonly history: History;
  readonly interruption: Interruption;
  readonly log: RunLog;
}

/**
 * The places where a test may make the server misbehave. The plain server has none of them set.
 */
export interface ServerHooks extends FrameHooks {
  /** HTTP hooks and routes of its own, registered before the server's. */
  addHttp?(app: FastifyInstance, parts: ServerParts): void;
  /** Stands in front of the real networks. */
  wrapUpscaler?(real: Upscaler): Upscaler;
  /** Chooses which of its node classes the server has. */
  nodeClasses?(all: NodeClasses): NodeClasses;
  /** Holds ended prompts in place of the plain history. */
  readonly history?: History;
  /** Awaited before a prompt is taken from the queue. */
  beforeTake?(): Promise<void>;
  /** Awaited before a node runs; what it throws, the node throws. */
  beforeNode?(node: NodeRun): Promise<void>;
  /** Changes what a node made. */
  afterNode?(result: NodeResult): Promise<NodeResult>;
  /** Awaited between a prompt's last event and its history entry. */
  beforeHistory?(): Promise<void>;
  /** Whether requests for a WebSocket are left without an answer. */
  ignoresWebSockets?(): boolean;
  /** Whether the server speaks as a newer ComfyUI than 0.3.64 does. */
  isNewer?(): boolean;
}
