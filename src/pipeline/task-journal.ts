import type { Dispatch, InputFacts, Json, Stage, StageName } from "../domain/task.js";

/** How far a stage has come, for the next heartbeat. */
export interface StageProgress {
  readonly stage: StageName;
  /** 0 to 1. */
  readonly ratio: number;
  readonly detail?: string;
  readonly runningNode?: string;
}

/**
 * What a stage may write of its task while the task is held. Once another process holds the task or
 * a client has canceled it, every write is refused: the call then throws the reason of `signal`,
 * which is aborted.
 */
export interface TaskJournal {
  /** Aborted when the task is no longer ours to work on, for whatever reason. */
  readonly signal: AbortSignal;
  /** Where the task's prompt is, as last recorded. */
  readonly dispatch: Omit<Dispatch, "at"> | undefined;
  /** The prompt that was stored with the task's slot, before it is sent. */
  readonly intent: Omit<Dispatch, "at"> | undefined;
  /** What the unfinished upload can be resumed with, as last recorded. */
  readonly uploadCheckpoint: Json | undefined;
  /** Written when it returns. What was written last already is not written again. */
  stage(name: StageName, patch: Partial<Stage>): Promise<void>;
  /** Written with the next write, or a moment later. */
  noteStage(name: StageName, patch: Partial<Stage>): void;
  /** Noted for the next heartbeat. */
  progress(progress: StageProgress): void;
  /** Written like {@link noteStage}. */
  noteInput(input: InputFacts): void;
  /** Tells the client what was done beyond the request, in short sentences. Written like {@link noteStage}. */
  addNotes(notes: readonly string[]): void;
  recordDispatch(dispatch: Omit<Dispatch, "at">): Promise<void>;
  recordUpload(checkpoint: Json): Promise<void>;
  /** Call right before an effect that must not happen twice; throws unless the lease can be proven now. */
  proveLease(): Promise<void>;
}
