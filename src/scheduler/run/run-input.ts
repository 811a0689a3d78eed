import { existsSync } from "node:fs";
import { Deadline } from "../../lib/deadline.js";
import { defined } from "../../lib/defined.js";
import { untilAborted } from "../../lib/until-aborted.js";
import {
  downloadStage,
  noteReady,
  type ReadyInput,
  resumeInput,
  type SeenInput,
} from "../../pipeline/download-stage.js";
import { pieceUrl } from "../../pipeline/film/piece-source.js";
import { SentAhead } from "../../pipeline/sent-ahead.js";
import type { WorkDir } from "../../pipeline/work-dir.js";
import { likelyServer } from "../../pool/likely-server.js";
import type { PoolServer } from "../../pool/server/pool-server.js";
import type { LeasedTask } from "../lease/leased-task.js";
import type { RunContext, RunState } from "./run-context.js";
import { slotRequest } from "./slot-request.js";

/** So long the small picture of an input waits at most for the prompt. */
const PICTURE_WAIT_MS = 1_000;

/**
 * The input of a run: brought here once, or again where its file is gone; sent ahead to the server that will
 * probably need it; made a small picture of.
 */
export class RunInput implements AsyncDisposable {
  readonly #run: RunState;
  readonly #context: RunContext;
  readonly #ahead: SentAhead;
  /** Aborted when its prompt is no reason any more to wait with the small picture. */
  readonly #isPictureDue = new AbortController();
  readonly #sentTo = new Set<PoolServer>();
  #picture: Promise<void> | undefined;
  /** Ends when its note is written. It never rejects. */
  #noted: Promise<void> | undefined;
  #ready: ReadyInput | undefined;

  constructor(run: RunState, context: RunContext) {
    this.#run = run;
    this.#context = context;
    this.#ahead = new SentAhead(run.heldTask.taskId);
  }

  /** The small picture while it is made, and after that. It never rejects, and has a limit of its own. */
  get picture(): Promise<void> | undefined {
    return this.#picture;
  }

  /** The servers that it was sent to ahead, in whole or in part. */
  get sentTo(): ReadonlySet<PoolServer> {
    return this.#sentTo;
  }

  /**
   * Brings it where it is not here.
   *
   * @param onSeen as in {@link downloadStage}; it is sent ahead by then, if it can be.
   * @throws TaskError as {@link downloadStage} does
   */
  async bring(workDir: WorkDir, onSeen?: (seen: SeenInput) => void): Promise<ReadyInput> {
    if (!(this.#ready && existsSync(this.#ready.path)))
      this.#ready = await this.#find(workDir, onSeen);
    const ready = this.#ready;
    return { ...ready, facts: { ...ready.facts, ...defined({ depth: this.#run.depth }) } };
  }

  /** Sends it to a server before the task has a slot there, where one can be foreseen. */
  sendAhead(input: SeenInput): void {
    const { heldTask, workflow } = this.#run;
    if (workflow === undefined || this.#ahead.hasJustBegun(input)) return;
    const request = slotRequest(heldTask, workflow, (server) => this.#run.suits(server));
    const server = likelyServer(this.#context.pool, request);
    if (server === undefined) return;
    this.#sentTo.add(server);
    this.#ahead.begin(input, server.comfy, heldTask.signal);
  }

  /** Whether it is on its way to a server, or there. */
  isOn({ comfy }: PoolServer, input: SeenInput): boolean {
    return this.#ahead.isOn(comfy, input);
  }

  /** How a server named it that it was sent to ahead. @returns undefined where it is not there */
  async nameOn({ comfy }: PoolServer, input: ReadyInput): Promise<string | undefined> {
    return await this.#ahead.nameOn(comfy, input);
  }

  /** Its file may be removed after this. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isPictureDue.abort();
    await Promise.all([this.#noted, this.#picture, this.#ahead[Symbol.asyncDispose]()]);
  }

  /** The task with where its input is: a chunk's is the piece of its film. */
  get #source(): LeasedTask {
    const { task } = this.#run.heldTask;
    if (task.chunk === undefined) return task;
    return { ...task, params: { ...task.params, url: pieceUrl(task.chunk) } };
  }

  async #find(workDir: WorkDir, onSeen?: (seen: SeenInput) => void): Promise<ReadyInput> {
    const isLeft = !workDir.isNew || this.#ready !== undefined;
    const { heldTask } = this.#run;
    const left = isLeft ? await resumeInput(heldTask.task, workDir, heldTask) : undefined;
    return left ?? (await this.#download(workDir, onSeen));
  }

  async #download(workDir: WorkDir, onSeen?: (seen: SeenInput) => void): Promise<ReadyInput> {
    const { heldTask } = this.#run;
    const { download, previews } = this.#context;
    const ready = await downloadStage(this.#source, workDir, download, heldTask, (seen) => {
      this.sendAhead(seen);
      onSeen?.(seen);
    });
    // Nobody waits for the note: without it, a later try brings the input once more.
    this.#noted = this.#promptGone().then(() => noteReady(ready, workDir).catch(() => undefined));
    const keep = (): Promise<void> =>
      previews.keepInput(heldTask.taskId, ready.path, heldTask.signal);
    if (heldTask.task.chunk === undefined) this.#picture ??= this.#promptGone().then(keep);
    return ready;
  }

  /** No server waits for the small picture, which takes a core for a moment: the prompt goes first. */
  async #promptGone(): Promise<void> {
    using moment = new Deadline(this.#isPictureDue.signal, PICTURE_WAIT_MS);
    await untilAborted(this.#run.heldTask.sent, moment.signal).catch(() => undefined);
  }
}
