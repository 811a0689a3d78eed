import { readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Logger } from "pino";
import { TaskError } from "../../domain/errors.js";
import type { TaskType } from "../../domain/task.js";
import type { ModelNames } from "../build-workflow.js";
import type { NodeClasses } from "../node-info.js";
import { readWorkflowFile } from "../read/read-workflow-file.js";
import type { Workflow } from "../workflow.js";
import { CatalogEntry } from "./catalog-entry.js";
import { FileWatch } from "./file-watch.js";

/** What a catalog needs beside its directory. */
export interface CatalogOptions {
  readonly logger: Pick<Logger, "info" | "warn">;
  /** Names of the workflows for tasks that name none, by type, the preferred one first. */
  readonly defaults: DefaultWorkflows;
  /**
   * The names of model files on this pool's servers, by those in workflows. @default the same names
   */
  readonly models?: ModelNames;
}

/** Names of workflows by type, the preferred one first. */
export type DefaultWorkflows = { readonly [type in TaskType]: readonly string[] };

/** A file that cannot be used, and why. */
export interface WorkflowProblem {
  readonly name: string;
  readonly reason: string;
}

/** A file as the editor saves it. */
export interface GraphFile {
  readonly name: string;
  /**
   * The node classes that {@link WorkflowCatalog.convert} needs, if a server has them. A server
   * need not have all: the editor alone may know some.
   */
  readonly nodeClasses: readonly string[];
}

/**
 * The workflows of a directory. The catalog follows changes of the files until it is disposed. A
 * file that cannot be used is reported and does not affect others. If it could be used before it
 * changed, that version stays in use.
 */
export class WorkflowCatalog implements AsyncDisposable {
  readonly defaults: DefaultWorkflows;
  readonly #directory: string;
  readonly #options: CatalogOptions;
  readonly #entries = new Map<string, CatalogEntry>();
  /** Files that cannot be read as a workflow, and why. */
  readonly #problems = new Map<string, string>();
  /** Why servers could not convert a graph: each reason once, the latest last. */
  readonly #failures = new WeakMap<CatalogEntry, Set<string>>();
  readonly #listeners = new Set<() => void>();
  readonly #fileWatch: FileWatch;
  #reloading: Promise<void> = Promise.resolve();

  private constructor(directory: string, options: CatalogOptions) {
    this.#directory = directory;
    this.#options = options;
    this.defaults = options.defaults;
    const warn = (message: string) => (error: unknown) =>
      options.logger.warn({ err: error }, message);
    this.#fileWatch = new FileWatch(
      () => void this.reload().catch(warn("Workflow files cannot be read")),
      warn("Workflow files are no longer followed"),
    );
  }

  /** Reads the directory's files. @throws TaskError WORKFLOW_INVALID if the directory cannot be read */
  static async load(directory: string, options: CatalogOptions): Promise<WorkflowCatalog> {
    const catalog = new WorkflowCatalog(directory, options);
    await catalog.reload();
    catalog.#fileWatch.follow(directory);
    return catalog;
  }

  /** The workflows that can be used, by name. */
  list(): readonly Workflow[] {
    const workflows = [...this.#entries.values()].flatMap(({ workflow }) => workflow ?? []);
    return workflows.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** The workflow with this name. The name may end with `.json`. */
  find(name: string): Workflow | undefined {
    return this.#entries.get(name.replace(/\.json$/, ""))?.workflow;
  }

  /** The files that cannot be used. */
  problems(): readonly WorkflowProblem[] {
    const names = new Set([...this.#problems.keys(), ...this.#entries.keys()]);
    return [...names].flatMap((name) => {
      const reason = this.#reason(name);
      return reason === undefined ? [] : [{ name, reason }];
    });
  }

  /** A file that is no workflow yet or cannot be used, and why. The name may end with `.json`. */
  unusable(name: string): WorkflowProblem | undefined {
    const key = name.replace(/\.json$/, "");
    const entry = this.#entries.get(key);
    if (entry?.workflow !== undefined) return undefined;
    const reason = this.#reason(key) ?? (entry && waitsForServer(key));
    return reason === undefined ? undefined : { name: key, reason };
  }

  /** The files as the editor saves them, whether converted or not. */
  graphs(): readonly GraphFile[] {
    return [...this.#entries].flatMap(([name, { graphClasses }]) =>
      graphClasses === undefined ? [] : [{ name, nodeClasses: graphClasses }],
    );
  }

  /**
   * Converts a graph by what a server says of its node classes. From then on it is one of {@link
   * list}. A graph that is converted already is answered as it is, unless this server knows more of
   * its classes.
   *
   * @throws TaskError WORKFLOW_NOT_FOUND, or WORKFLOW_INVALID naming what cannot be converted
   */
  convert(name: string, classes: NodeClasses): Workflow {
    const entry = this.#entries.get(name);
    if (entry === undefined) {
      throw new TaskError("WORKFLOW_NOT_FOUND", `Unknown workflow "${name}"`);
    }
    const before = entry.workflow;
    try {
      const workflow = entry.convert(classes);
      if (workflow === before) return workflow;
      this.#failures.delete(entry);
      this.#notify();
      return workflow;
    } catch (error) {
      this.#noteFailure(name, entry, error);
      throw error;
    }
  }

  /**
   * Calls `listener` when the set of workflows or one of them changed. @returns a function that
   * ends it.
   */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Reads the directory again. This happens by itself when a file changes. */
  reload(): Promise<void> {
    const reloaded = this.#reloading.then(() => this.#reload());
    this.#reloading = reloaded.catch(() => {});
    return reloaded;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#fileWatch[Symbol.dispose]();
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
    const problemCount = this.problems().length;
    this.#options.logger.info(
      { workflowCount: this.#entries.size, problemCount },
      "Workflows loaded",
    );
    this.#notify();
  }

  /** @returns whether the workflow changed. */
  async #reloadFile(name: string): Promise<boolean> {
    try {
      const source = await readWorkflowFile(this.#directory, name);
      for (const file of Object.keys(source.variants))
        this.#fileWatch.follow(dirname(join(this.#directory, file)));
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

  /** Logs a reason the first time only: servers are asked again and again. */
  #noteFailure(name: string, entry: CatalogEntry, error: unknown): void {
    if (!(error instanceof TaskError)) throw error;
    const reason = error.message;
    const reasons = this.#failures.get(entry) ?? new Set();
    const isNew = !reasons.delete(reason);
    this.#failures.set(entry, reasons.add(reason));
    if (isNew) this.#options.logger.warn({ workflow: name, reason }, "Workflow not converted");
  }

  #reason(name: string): string | undefined {
    const entry = this.#entries.get(name);
    const failures = entry && this.#failures.get(entry);
    return this.#problems.get(name) ?? (failures && [...failures].at(-1));
  }

  #notify(): void {
    for (const listener of this.#listeners) listener();
  }
}

function waitsForServer(name: string): string {
  return `Cannot use workflow "${name}" yet: it is in the editor's format and waits for a server to tell what its nodes are`;
}

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
