import { z } from "zod";

const count = z.number().int().nonnegative();

/** Which requests a fault hits. */
const target = {
  /** The path without `/api`; a `*` at its end stands for anything, `*` alone for every request. */
  path: z.string(),
  method: z.string().optional(),
  /** Hits so many requests, then is gone. @default every one */
  count: count.optional(),
};
const when = z.enum(["before", "after"]).default("before");

/** What is done to a request, before or after the server did its work for it. */
const httpFault = z.discriminatedUnion("fault", [
  /** Answers this in place of the server, or over its answer. */
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
  /** Cuts the connection in mid-body, after so many bytes of it. */
  z.strictObject({ ...target, fault: z.literal("truncate"), bytes: count }),
]);

/** What happens to a node when it is about to run. */
const nodeFault = z.strictObject({
  /** @default any class */
  classType: z.string().optional(),
  /** Hits so many nodes, then is gone; a prompt ends at the first. @default every one */
  count: count.optional(),
  /** `fail` throws; `hang` never ends and hears no interrupt; `crash` ends the process as kill -9 does. */
  fault: z.enum(["fail", "hang", "crash"]),
  exceptionType: z.string().default("ValueError"),
  message: z.string().default("made to fail"),
  /** How long after the node's start; a node that is to crash works on meanwhile. */
  afterMs: count.default(0),
});

/** Every way in which a test may make the server misbehave; what is left out or null behaves well. */
export const switchesSchema = z
  .strictObject({
    /**
     * Nearest-neighbour pictures in place of the networks' ones, in timed steps that cost no CPU. What
     * runs follows a change at its next step.
     */
    simulate: z.strictObject({
      steps: z.number().int().positive(),
      stepMs: count,
      /** Tells no progress and hears no interrupt. */
      uninterruptible: z.boolean().default(false),
    }),
    /** Loading another model than the one loaded last takes so long, silently. */
    modelLoadMs: count,
    nodes: z.array(nodeFault),
    http: z.array(httpFault),
    /** `silent` sends nothing at all; `junk` sends nonsense before every frame. */
    ws: z.enum(["normal", "silent", "junk"]),
    history: z.strictObject({
      /** So long after a prompt's last event its entry appears; until then the prompt counts as running. */
      lateMs: count.default(0),
      /** So long the prompt is in neither queue nor history. */
      gapMs: count.default(0),
      /** So long the entry stays; 0: it never appears. The files stay. */
      forgetAfterMs: count.optional(),
    }),
    /**
     * `unlisted`: history has no outputs; `deleted`: it names a file that is not there; `empty`: the
     * file has no bytes.
     */
    output: z.enum(["normal", "unlisted", "deleted", "empty"]),
    /** What the server says that it has, as if it computed on a graphics card. */
    memory: z.strictObject({ deviceBytes: count, machineBytes: count }),
    /** Every JSON answer and event has keys that nobody knows. */
    extraFields: z.boolean(),
    /** No prompt is taken from the queue any more, although everything answers. */
    workerDead: z.boolean(),
    /** Node classes that it does not have; heard at its start alone. */
    without: z.array(z.string()),
    /** Speaks as a newer ComfyUI: the jobs API, UUIDs as prompt ids, combos of the newer form checked. */
    newer: z.boolean(),
  })
  .partial();

/** The switches as they are set. */
export type Switches = z.infer<typeof switchesSchema>;
export type HttpFault = z.infer<typeof httpFault>;
export type NodeFault = z.infer<typeof nodeFault>;
