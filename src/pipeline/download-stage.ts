import type { InputFacts, Task } from "../domain/task.js";
import type { DownloadOptions } from "../input/download-input.js";
import { inputNamer } from "../input/input-name.js";
import { fetchInput, type InputSource } from "../input/input-source.js";
import { type OnSeen, type ProbeLimits, probeInput } from "../input/probe/probe-input.js";
import { megabytes } from "./megabytes.js";
import type { TaskJournal } from "./task-journal.js";
import type { WorkDir } from "./work-dir.js";

/** A fetched and checked input. */
export interface ReadyInput {
  readonly path: string;
  /** ASCII, safe on any file system, with the extension of its real type. */
  readonly name: string;
  readonly facts: InputFacts;
}

/** An input that is here and is still judged. */
export type SeenInput = Pick<ReadyInput, "path" | "name"> & {
  /** Its size in pixels is known once its header is read. */
  readonly facts: Pick<InputFacts, "sizeBytes" | "hasAlpha"> &
    Partial<Pick<InputFacts, "width" | "height">>;
};

/** What the download stage works with. */
export interface DownloadContext {
  readonly download: DownloadOptions;
  /** Sources of inputs that are not on the network. */
  readonly sources: readonly InputSource[];
  readonly limits: ProbeLimits;
}

/** The stage as it begins. */
export const DOWNLOAD_BEGUN = {
  status: "running",
  progress: 0,
  detail: "Starting download...",
} as const;

const DOWNLOAD_DONE = { status: "success", progress: 100, detail: "Download complete" } as const;
const FILE = "input";
/** Written last: where it is, the input is there whole and was checked. */
const NOTE = "input.json";

/** Notes that an input is there, for later tries. */
export async function noteReady({ name, facts }: ReadyInput, workDir: WorkDir): Promise<void> {
  await workDir.writeNote(NOTE, { name, facts });
}

/** The input that an earlier try left, if it is still there. */
export async function findInput(workDir: WorkDir): Promise<ReadyInput | undefined> {
  const note = (await workDir.readNote(NOTE)) as Omit<ReadyInput, "path"> | undefined;
  return note && { ...note, path: workDir.file(FILE) };
}

/**
 * The input that an earlier try left, as {@link findInput} finds it. Whoever brought it may have died before
 * that was stored. Then it is stored now: as long as a download is under way, each death of a process is held
 * against the task.
 */
export async function resumeInput(
  { stages }: Pick<Task, "stages">,
  workDir: WorkDir,
  journal: TaskJournal,
): Promise<ReadyInput | undefined> {
  const left = await findInput(workDir);
  if (left === undefined || stages.download?.status === "success") return left;
  journal.noteInput(left.facts);
  journal.noteStage("download", DOWNLOAD_DONE);
  return left;
}

/**
 * Fetches the input of a task into its work directory and checks it, so that no GPU second is spent
 * on what is no picture or film. A stage that succeeded before, on another machine or before its
 * files were lost, keeps its report.
 *
 * @param onSeen called with a picture that is here, as far as it is known before it is decoded, once or twice:
 *   what it is in the end, the promise tells.
 */
export async function downloadStage(
  task: Pick<Task, "taskId" | "type" | "params" | "stages">,
  workDir: WorkDir,
  { download, sources, limits }: DownloadContext,
  journal: TaskJournal,
  onSeen?: (seen: SeenInput) => void,
): Promise<ReadyInput> {
  const known = task.stages.download?.status;
  const isReported = known === "success";
  const startedAtMs = performance.now();
  const path = workDir.file(FILE);
  const onProgress = (bytes: number, totalBytes?: number): void => {
    if (isReported) return;
    const detail = `${megabytes(bytes)} / ${totalBytes === undefined ? "?" : megabytes(totalBytes)}`;
    journal.progress({ stage: "download", ratio: totalBytes ? bytes / totalBytes : 0, detail });
  };
  const { signal } = journal;
  const onAsked = (): void => workDir.make();
  const request = { url: task.params.url, path, signal, onProgress, onAsked };
  // It is known to be under way before anything is decoded, which may take the process down: mostly since the lease.
  const [fetched] = await Promise.all([
    fetchInput(request, download, sources),
    isReported || known === "running" ? undefined : journal.stage("download", DOWNLOAD_BEGUN),
  ]);
  const { sizeBytes, suggestedName: suggested } = fetched;
  const nameWith = inputNamer({ suggested, url: task.params.url, taskId: task.taskId });
  const onPicture: OnSeen = ({ extension, ...seen }) =>
    onSeen?.({ path, name: nameWith(extension), facts: { ...seen, sizeBytes } });
  const probed = await probeInput(path, task.type, limits, signal, onPicture);
  const { extension, notes, ...facts } = probed;
  const name = nameWith(extension);
  journal.noteInput(facts);
  journal.addNotes(notes);
  const durationMs = performance.now() - startedAtMs;
  if (!isReported) journal.noteStage("download", { ...DOWNLOAD_DONE, durationMs });
  return { path, name, facts };
}
