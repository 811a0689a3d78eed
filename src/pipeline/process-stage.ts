import { setTimeout as sleep } from "node:timers/promises";
import type { ComfyServer } from "../comfy/comfy-server.js";
import { cancelPrompt } from "../comfy/prompt/cancel-prompt.js";
import { chooseOutputs } from "../comfy/prompt/choose-outputs.js";
import type { PromptSighting } from "../comfy/prompt/look-for-prompt.js";
import type { PromptEnd } from "../comfy/prompt/prompt-end.js";
import {
  type FollowOptions,
  PromptFollower,
  type PromptTiming,
} from "../comfy/prompt/prompt-follower.js";
import type { PromptUpdate } from "../comfy/prompt/prompt-progress.js";
import { submitPrompt } from "../comfy/prompt/submit-prompt.js";
import { withdrawPrompt } from "../comfy/prompt/withdraw-prompt.js";
import { TaskError } from "../domain/errors.js";
import type { Chunk } from "../domain/film.js";
import type { Dispatch, OutputFile, Task } from "../domain/task.js";
import { backoffMs } from "../lib/backoff.js";
import { defined } from "../lib/defined.js";
import { bindPrompt } from "../workflow/bind/bind-prompt.js";
import type { PickedFrames } from "../workflow/bind/pick-frames.js";
import { graphNamed } from "../workflow/variants.js";
import type { ReadyInput } from "./download-stage.js";
import { findWrittenOutput } from "./find-written-output.js";
import { intentFor, newIntent, type PromptPlace, variantHere } from "./new-intent.js";
import { sendInput } from "./send-input.js";
import type { TaskJournal } from "./task-journal.js";
import type { EndedPrompt } from "./upload-stage.js";

/** What the process stage works with. */
export interface ProcessContext extends PromptPlace {
  readonly comfy: ComfyServer;
  /** Names the store in what is sent along with a prompt, by which abandoned prompts are recognised. */
  readonly storeId: string;
  /** A prompt without progress for so long counts as stuck... */
  readonly stallMs: number;
  /** ...or for less, where it was learned what is enough. */
  readonly timing: RunTiming;
  /**
   * How long at most to wait for a silent server, since it may still hold the prompt, in
   * milliseconds.
   */
  readonly serverLostMs: number;
  /** A prompt that has run for so long in all is given up; absent means no limit. */
  readonly runMaxMs?: number;
  /** Called with where the prompt is, again and again. */
  readonly onSighting: (sighting: PromptSighting) => void;
  /** When aborted, following ends with its reason, while the prompt goes on. */
  readonly letGo?: AbortSignal;
  /** Called when the prompt has ended well, right before that is stored: what it notes is stored with it. */
  readonly onEnd: (prompt: EndedPrompt) => void;
  /** How the server named the input, where it has it already. */
  readonly sentName?: string;
  /** Resolves when it is a new prompt's turn to be sent. @default at once */
  readonly turn?: () => Promise<void>;
}

/** What is told of a prompt, so that times are learned of it. */
export interface RunTiming extends PromptTiming {
  /** The server took it. @param number counts the server's prompts; undefined where it was not told */
  noteSent(dispatch: Omit<Dispatch, "at">, number: number | undefined): void;
}

/** What is sent along with a prompt, so that a server's queue tells whose it is. */
export interface PromptMark {
  readonly store: string;
  readonly task: string;
  readonly epoch: number;
}

/** The key of the mark in a prompt's extra data. */
export const MARK_KEY = "tmlsr";

const LOOK_PAUSE = { baseMs: 200, capMs: 5_000 };

/**
 * Sends the input and then a new prompt to the server, and follows the prompt to its end. The
 * prompt's id is in the store before the server hears of it: whoever holds the task next can look
 * it up.
 */
export async function runNewPrompt(
  task: Pick<Task, "taskId" | "epoch" | "parameters" | "chunk">,
  input: ReadyInput,
  context: ProcessContext,
  journal: TaskJournal,
  lowMemory = false,
): Promise<void> {
  const { comfy, capability } = context;
  const { signal } = journal;
  const { graph } = variantHere(context, task.parameters);
  const target = { taskId: task.taskId, graph, comfy, ...defined({ capability }) };
  const inputName = context.sentName ?? (await sendInput(input, target, journal));
  const intent = intentFor(newIntent(task, context, lowMemory), journal.intent);
  const { promptId, filenamePrefix } = intent;
  const prompt = bindPrompt(graph, {
    ...{ inputName, filenamePrefix },
    ...{ parameters: task.parameters, lowMemory },
    ...defined({
      classes: capability?.classes,
      frames: task.chunk && pickedFrames(task.chunk),
      depth: input.facts.depth,
    }),
    input: input.facts,
  });
  await context.turn?.();
  await journal.recordDispatch(intent);
  await journal.proveLease();
  const mark: PromptMark = { store: context.storeId, task: task.taskId, epoch: task.epoch };
  const submission = { prompt, promptId, extraData: { [MARK_KEY]: mark } };
  const sent = { ...intent, phase: "sent" } as const;
  using follower = follow(sent, context, journal, { isNew: true });
  context.timing.noteSent(sent, await submitPrompt(comfy, submission, signal));
  await journal.recordDispatch(sent);
  await recordEnd(follower, sent, context, journal);
}

/**
 * Follows a prompt that the server has, or may have, to its end.
 *
 * @param investedMs how long ago it was sent.
 * @throws TaskError SERVER_LOST_PROMPT if the server knows nothing of it and has no file of it;
 *   SERVER_UNREACHABLE if the server gave no proper answer for long: it may still hold the prompt.
 */
export async function followDispatch(
  dispatch: Omit<Dispatch, "at">,
  context: ProcessContext,
  journal: TaskJournal,
  investedMs = 0,
): Promise<void> {
  using follower = follow(dispatch, context, journal, { investedMs });
  await recordEnd(follower, dispatch, context, journal);
}

/** Stops a prompt, running or waiting; returns once the server is known to be free of it. */
export async function stopPrompt(
  comfy: ComfyServer,
  promptId: string,
  signal: AbortSignal,
): Promise<void> {
  await cancelPrompt(comfy, promptId, signal);
}

/**
 * Takes back a prompt that only waits in its server's queue.
 *
 * @returns whether the prompt was taken back; false if it runs or has ended, or if the server does
 *   not tell.
 */
export async function takeBack(
  comfy: ComfyServer,
  promptId: string,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    return await withdrawPrompt(comfy, promptId, signal);
  } catch (error) {
    if (signal.aborted || !(error instanceof TaskError)) throw error;
    return false;
  }
}

/** Which frames of its piece a chunk's prompt computes. */
function pickedFrames({
  skipCount: skip,
  beforeCount: before,
  frameCount: count,
  afterCount: after,
  leadCount: lead,
  fps,
}: Chunk): PickedFrames {
  return { skip, before, count, after, ...defined({ lead, fps }) };
}

function follow(
  { promptId, variant }: Omit<Dispatch, "at">,
  context: ProcessContext,
  journal: TaskJournal,
  age: Pick<FollowOptions, "isNew" | "investedMs">,
): PromptFollower {
  const { comfy, workflow, stallMs, timing, onSighting, serverLostMs, runMaxMs, letGo } = context;
  const { prompt, weights } = graphNamed(workflow, variant);
  const onProgress = ({ ratio, runningNode, step }: PromptUpdate): void => {
    const name = step && runningNode ? `${runningNode} ${step.value}/${step.max}` : runningNode;
    journal.progress({ stage: "process", ratio, ...(name !== undefined && { runningNode: name }) });
  };
  return new PromptFollower(comfy, promptId, {
    prompt,
    ...(weights && { weights }),
    ...{ ...age, stallMs, timing, onProgress, onSighting },
    watch: { silentMaxMs: serverLostMs, ...(runMaxMs !== undefined && { runMaxMs }) },
    signal: letGo === undefined ? journal.signal : AbortSignal.any([journal.signal, letGo]),
  });
}

async function recordEnd(
  follower: PromptFollower,
  dispatch: Omit<Dispatch, "at">,
  context: ProcessContext,
  journal: TaskJournal,
): Promise<void> {
  const end = await follower.end().catch(asSilence);
  const outputs = await outputsOf(end, dispatch, context, journal.signal);
  const { promptId } = dispatch;
  context.onEnd({ promptId, outputs });
  await journal.recordDispatch({ ...dispatch, phase: "done", outputs });
}

/** Treats nonsense as silence: a server that gives it when asked for a prompt tells as little. */
function asSilence(error: unknown): never {
  if (!(error instanceof TaskError) || error.code !== "SERVER_FAULT") throw error;
  throw new TaskError("SERVER_UNREACHABLE", error.message, { cause: error });
}

async function outputsOf(
  end: PromptEnd,
  dispatch: Omit<Dispatch, "at">,
  context: ProcessContext,
  signal: AbortSignal,
): Promise<readonly OutputFile[]> {
  const { workflow, serverId } = context;
  switch (end.kind) {
    case "success": {
      const { resultNode } = graphNamed(workflow, dispatch.variant);
      const outputs = chooseOutputs(end.outputs, resultNode);
      if (outputs.length > 0) return outputs;
      const written = await findWritten(dispatch, context, signal);
      if (written !== undefined) return [written];
      throw new TaskError("NO_OUTPUT", `Workflow "${workflow.name}" ended without a result`);
    }
    case "failed":
      throw end.error;
    case "interrupted":
      throw new TaskError(
        "PROMPT_INTERRUPTED",
        `Somebody interrupted the prompt on server "${serverId}"`,
      );
    case "lost": {
      const written = await findWritten(dispatch, context, signal);
      if (written !== undefined) return [written];
      throw new TaskError("SERVER_LOST_PROMPT", `Server "${serverId}" no longer knows the prompt`);
    }
  }
}

/**
 * Looks for the result's file until the server has said whether it is there. Gives up after the
 * time that a server may be silent.
 */
async function findWritten(
  { filenamePrefix }: Omit<Dispatch, "at">,
  { comfy, serverLostMs }: ProcessContext,
  signal: AbortSignal,
): Promise<OutputFile | undefined> {
  const beganAtMs = performance.now();
  for (let tries = 1; ; tries += 1) {
    try {
      return await findWrittenOutput(comfy, filenamePrefix, signal);
    } catch (error) {
      if (signal.aborted || !(error instanceof TaskError)) throw error;
      if (performance.now() - beganAtMs >= serverLostMs) asSilence(error);
    }
    await sleep(backoffMs(tries, LOOK_PAUSE), undefined, { signal });
  }
}
