import { z } from "zod";

const count = z.number().int().nonnegative();

/** The requests that a fault applies to. */
const target = {
  /**
   * The path without `/api`. A `*` at its end matches any ending; `*` alone matches every request.
   */
  path: z.string(),
  method: z.string().optional(),
  /** The fault ends after this number of requests. @default no end */
  count: count.optional(),
};
const when = z.enum(["before", "after"]).default("before");

/** A fault of a request, before or after the server has processed it. */
const httpFault = z.discriminatedUnion("fault", [
  /** Answers this instead of the server, or replaces the server's answer. */
  z.strictObject({
    ...target,
    when,
    fault: z.literal("answer"),
    status: z.number().int(),
    contentType: z.string().default("text/plain"),
    body: z.string().default(""),
  }),
  /** Never answers. */
  z.strictObject({ ...target, when, fault: z.literal("black-hole") }),
  z.strictObject({ ...target, when, fault: z.literal("delay"), ms: count }),
  /** Cuts the connection without an answer. */
  z.strictObject({ ...target, when, fault: z.literal("cut") }),
  /** Ends the process as kill -9 does. */
  z.strictObject({ ...target, when, fault: z.literal("crash") }),
  /** Sends the body slowly. */
  z.strictObject({
    ...target,
    fault: z.literal("throttle"),
    bytesPerSecond: z.number().positive(),
  }),
  /** Cuts the connection after this number of bytes of the body. */
  z.strictObject({ ...target, fault: z.literal("truncate"), bytes: count }),
]);

/** A fault of a node that is about to run. */
const nodeFault = z.strictObject({
  /** @default any class */
  classType: z.string().optional(),
  /** The fault ends after this number of nodes; a prompt ends at the first. @default no end */
  count: count.optional(),
  /**
   * `fail` throws. `hang` never ends and ignores interrupts. `pause` says nothing, then runs. `crash`
   * ends the process as kill -9 does.
   */
  fault: z.enum(["fail", "hang", "pause", "crash"]),
  exceptionType: z.string().default("ValueError"),
  message: z.string().default("made to fail"),
  /** Time from the node's start to the fault. A node that will crash works meanwhile. */
  afterMs: count.default(0),
});

/**
 * All ways in which a test can make the server misbehave. A switch that is left out or null is off.
 */
export const switchesSchema = z
  .strictObject({
    /**
     * Nearest-neighbour pictures in place of the networks' ones, in timed steps that cost no CPU. What
     * runs follows a change at its next step.
     */
    simulate: z.strictObject({
      steps: z.number().int().positive(),
      stepMs: count,
      /** Reports no progress and ignores interrupts. */
      uninterruptible: z.boolean().default(false),
    }),
    /** How long it takes, without any event, to load another model than the last one. */
    modelLoadMs: count,
    nodes: z.array(nodeFault),
    http: z.array(httpFault),
    /** `silent` sends nothing at all. `junk` sends nonsense before every frame. */
    ws: z.enum(["normal", "silent", "junk"]),
    history: z.strictObject({
      /**
       * Time from a prompt's last event to its history entry. Until then the prompt counts as
       * running.
       */
      lateMs: count.default(0),
      /** For this time the prompt is neither in the queue nor in the history. */
      gapMs: count.default(0),
      /** The entry is removed after this time. 0: it never appears. The files stay. */
      forgetAfterMs: count.optional(),
    }),
    /**
     * `unlisted`: the history has no outputs. `deleted`: the history names a file that does not
     * exist. `empty`: the file has no bytes. `black`: a picture of its size that is all black.
     */
    output: z.enum(["normal", "unlisted", "deleted", "empty", "black"]),
    /**
     * Reads and writes films as ComfyUI does, with all that it loses. `deep`: as `new`, and keeps 10 bits and HDR where it
     * is told to, as since 0.35; looked at when the server starts, and for `simulate` alone. `upright`: turned films are
     * turned, as since 2026-04. @default only by `new`
     */
    films: z.strictObject({ as: z.enum(["old", "new", "deep"]), upright: z.boolean().optional() }),
    /** Looked at when the server starts: whether it has a node that makes each frame of its neighbours. */
    seesNeighbours: z.boolean(),
    /** What the server says that it has, as if it computed on a graphics card. */
    memory: z.strictObject({ deviceBytes: count, machineBytes: count }),
    /** Every JSON answer and event has keys that nobody knows. */
    extraFields: z.boolean(),
    /** No more prompts are taken from the queue, although every request is answered. */
    workerDead: z.boolean(),
    /** Speaks as a newer ComfyUI: the jobs API, UUIDs as prompt ids, combos of the newer form checked. */
    newer: z.boolean(),
    /** Answers 409 to a prompt whose id it has already, where real servers run it once more. */
    uniqueIds: z.boolean(),
  })
  .partial();

/** The current switches. */
export type Switches = z.infer<typeof switchesSchema>;
export type HttpFault = z.infer<typeof httpFault>;
export type NodeFault = z.infer<typeof nodeFault>;
