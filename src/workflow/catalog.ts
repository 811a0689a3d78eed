import { type FSWatcher, watch } from "node:fs";
import { readdir } from "node:fs/promises";
import type { Logger } from "pino";
import { TaskError } from "../domain/errors.js";
import type { TaskType } from "../domain/task.js";
import type { ModelNames } from "./build-workflow.js";
import { CatalogEntry } from "./catalog-entry.js";
import type { NodeClasses } from "./node-info.js";
import { readWorkflowFile } from "./read-workflow-file.js";
import type { Workflow } from "./workflow.js";

/** What a catalog needs beside its directory. */
export interface CatalogOptions {
  readonly logger: Pick<Logger, "info" | "warn">;
  /** Names of the workflows for tasks that name none, by type, the preferred one first. */
  readonly defaults: DefaultWorkflows;
  /** What this pool's servers call the model files that workflows name. @default the same */
  readonly models?: ModelNames;
}

/** Names of workflows by type, the preferred one first. */
export type DefaultWorkflows = { readonly [type in TaskType]: readonly string[] };

/** A file that cannot be used, and why. */
export interface WorkflowProblem {
  readonly name: string;
  readonly reason: string;
}

/** A file as the editor saves it, which waits for a server that knows its nodes. */
export interface PendingWorkflow {
  readonly name: string;
  /** The node classes that a server must have for {@link WorkflowCatalog.convert}. */
  readonly nodeClasses: readonly string[];
}

/**
 * The workflows of a directory. Follows changes of its files until it is disposed. A file that
 * cannot be used is reported and stops no other; if it could be used before it changed, that
 * version stays in use.
 */
export class WorkflowCatalog implements AsyncDisposable {
  readonly defaults: DefaultWorkflows;
  readonly #directory: string;
  readonly #options: CatalogOptions;
  readonly #entries = new Map<string, CatalogEntry>();
  readonly #problems = new Map<string, string>();
  readonly #listeners = new Set<() => void>();
  #watcher: FSWatcher | undefined;
  #timer: NodeJS.Timeout | undefined;
  #reloading: Promise<void> = Promise.resolve();

  private constructor(directory: string, options: CatalogOptions) {
    this.#directory = directory;
    this.#options = options;
    this.defaults = options.defaults;
  }

  /** Reads the directory's files. @throws TaskError WORKFLOW_INVALID if the directory cannot be read */
  static async load(directory: string, options: CatalogOptions): Promise<WorkflowCatalog> {
    const catalog = new WorkflowCatalog(directory, options);
    await catalog.reload();
    catalog.#watch();
    return catalog;
  }

  /** The workflows that can be used, by name. */
  list(): readonly Workflow[] {
    const workflows = [...this.#entries.values()].flatMap(({ workflow }) => workflow ?? []);
    return workflows.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** The workflow of a name, with or without `.json`. */
  find(name: string): Workflow | undefined {
    return this.#entries.get(name.replace(/\.json$/, ""))?.workflow;
  }

  /** The files that cannot be used. */
  problems(): readonly WorkflowProblem[] {
    return [...this.#problems].map(([name, reason]) => ({ name, reason }));
  }

  /** The files that have to be converted first. */
  pending(): readonly PendingWorkflow[] {
    return [...this.#entries].flatMap(([name, { neededClasses }]) =>
      neededClasses === undefined ? [] : [{ name, nodeClasses: neededClasses }],
    );
  }

  /**
   * Converts a pending workflow by what a server says of its node classes; from then on it is one
   * of {@link list}. One that is converted already is answered as it is.
   *
   * @throws TaskError WORKFLOW_NOT_FOUND, or WORKFLOW_INVALID naming what cannot be converted
   */
  convert(name: string, classes: NodeClasses): Workflow {
    const entry = this.#entries.get(name);
    if (entry === undefined) {
      throw new TaskError("WORKFLOW_NOT_FOUND", `Unknown workflow "${name}"`);
    }
    if (entry.workflow !== undefined) return entry.workflow;
    try {
      const workflow = entry.convert(classes);
      this.#problems.delete(name);
      this.#notify();
      return workflow;
    } catch (error) {
      this.#report(name, error);
      throw error;
    }
  }

  /** Calls `listener` after the set of workflows or one of them changed. @returns a function that ends it. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Reads the directory again; done by itself when a file changes. */
  reload(): Promise<void> {
    const reloaded = this.#reloading.then(() => this.#reload());
    this.#reloading = reloaded.catch(() => {});
    return reloaded;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watcher?.close();
    clearTimeout(this.#timer);
    this.#listeners.clear();
    await this.#reloading;
  }

  async #reload(): Promise<void> {
    const names = await workflowNames(this.#directory);
    const gone = [...this.#entries.keys()].filter((name) => !names.includes(name));
    for (const name of gone) this.#entries.delete(name);
    this.#problems.clear();
    const changes = await Promise.all(names.map((name) => this.#reloadFile(name)));
    if (gone.length === 0 && !changes.includes(true)) return;
    const { size } = this.#problems;
    this.#options.logger.info(
      { workflowCount: this.#entries.size, problemCount: size },
      "Workflows loaded",
    );
    this.#notify();
  }

  /** @returns whether the workflow changed. */
  async #reloadFile(name: string): Promise<boolean> {
    try {
      const source = await readWorkflowFile(this.#directory, name);
      if (this.#entries.get(name)?.isOf(source)) return false;
      this.#entries.set(name, new CatalogEntry(name, source, this.#options.models));
      return true;
    } catch (error) {
      this.#report(name, error);
      return false;
    }
  }

  #report(name: string, error: unknown): void {
    if (!(error instanceof TaskError)) throw error;
    this.#problems.set(name, error.message);
    this.#options.logger.warn({ workflow: name, reason: error.message }, "Workflow not usable");
  }

  #notify(): void {
    for (const listener of this.#listeners) listener();
  }

  #watch(): void {
    const warn = (message: string) => (error: unknown) =>
      this.#options.logger.warn({ err: error }, message);
    const warnUnwatched = warn("Workflow files are no longer followed");
    const reload = () => void this.reload().catch(warn("Workflow files cannot be read"));
    try {
      this.#watcher = watch(this.#directory, () => {
        clearTimeout(this.#timer);
        this.#timer = setTimeout(reload, SETTLE_MS).unref();
      });
      this.#watcher.on("error", warnUnwatched).unref();
    } catch (error) {
      // The system may have no watches left; the files as they are can be used all the same.
      warnUnwatched(error);
    }
  }
}

/** A file is written in several steps; its last change is read, not the first. */
const SETTLE_MS = 100;

async function workflowNames(directory: string): Promise<readonly string[]> {
  try {
    const files = await readdir(directory);
    return files
      .filter((file) => file.endsWith(".json") && !file.startsWith("."))
      .map((file) => file.slice(0, -".json".length))
      .sort();
  } catch (error) {
    throw unreadable(directory, error);
  }
}

function unreadable(directory: string, cause: unknown): TaskError {
  const { code } = cause as NodeJS.ErrnoException;
  return new TaskError("WORKFLOW_INVALID", `Cannot read directory "${directory}": ${code}`, {
    cause,
  });
}
