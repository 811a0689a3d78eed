import { overallProgress } from "../../domain/overall-progress.js";
import type { InputFacts, Stage, StageName } from "../../domain/task.js";
import { defined } from "../../lib/defined.js";
import type { Fence, StageNews, TaskNews, TaskQueue, WriteResult } from "../../store/task-queue.js";

export const NO_NEWS: TaskNews = { stages: [], notes: [] };

/** Collects what a run has found out of its task, until a write takes it along. */
export class NotedNews {
  #stages: readonly StageNews[] = [];
  #notes: readonly string[] = [];
  #input: InputFacts | undefined;

  get isEmpty(): boolean {
    return this.#stages.length + this.#notes.length === 0 && this.#input === undefined;
  }

  noteStage(name: StageName, patch: Partial<Stage>): void {
    this.#stages = [...this.#stages, stageNews(name, patch)];
  }

  noteInput(input: InputFacts): void {
    this.#input = input;
  }

  addNotes(notes: readonly string[]): void {
    this.#notes = [...this.#notes, ...notes];
  }

  /**
   * Writes it along with something else. It is there again where that is refused or fails.
   *
   * @param write gets undefined where there is no news.
   */
  async giveTo<Answer extends string>(
    write: (news: TaskNews | undefined) => Promise<Answer>,
  ): Promise<Answer> {
    const taken = this.#take();
    let answer: Answer | undefined;
    try {
      answer = await write(taken);
      return answer;
    } finally {
      if (taken !== undefined && answer !== "ok") this.#putBack(taken);
    }
  }

  #take(): TaskNews | undefined {
    if (this.isEmpty) return undefined;
    const news = { stages: this.#stages, notes: this.#notes, ...defined({ input: this.#input }) };
    this.#stages = [];
    this.#notes = [];
    this.#input = undefined;
    return news;
  }

  /** Before what was noted meanwhile. */
  #putBack({ stages, notes, input }: TaskNews): void {
    this.#stages = [...stages, ...this.#stages];
    this.#notes = [...notes, ...this.#notes];
    this.#input ??= input;
  }
}

/** Writes news that goes along with nothing, until a write is refused. */
export async function writeNews(
  store: Pick<TaskQueue, "updateStage" | "recordInput" | "recordNotes">,
  fence: Fence,
  news: TaskNews | undefined,
): Promise<WriteResult> {
  const { stages, input, notes } = news ?? NO_NEWS;
  let result: WriteResult = "ok";
  for (const { name, patch, progress } of stages)
    if (result === "ok") result = await store.updateStage(fence, name, patch, progress);
  if (result === "ok" && input) result = await store.recordInput(fence, input);
  if (result === "ok" && notes.length > 0) result = await store.recordNotes(fence, notes);
  return result;
}

/** How far the whole task is when a stage is as far as it says. */
function stageNews(name: StageName, patch: Partial<Stage>): StageNews {
  const { progress } = patch;
  return {
    name,
    patch,
    ...(progress !== undefined && { progress: overallProgress(name, progress / 100) }),
  };
}
