import type { JsonObject } from "@bufbuild/protobuf";
import { type Signal, signal } from "@preact/signals";
import { TaskType } from "../../client/gen/tmlsr/v1/task_pb.js";
import type { Chunking } from "../../client/gen/tmlsr/v1/task_service_pb.js";
import type { Clients } from "../clients.js";
import { type Failure, toFailure } from "../failure.js";
import { nameOfUrl } from "../parts/name-of-url.js";
import { type UploadTarget, uploadFile } from "./upload-file.js";

/** What has become of an input. */
export type EntryState =
  | { readonly kind: "ready" }
  | { readonly kind: "uploading"; readonly ratio: number }
  | { readonly kind: "creating" }
  | { readonly kind: "accepted"; readonly taskId: string }
  | { readonly kind: "failed"; readonly failure: Failure };

/** One input that was chosen, dropped, pasted or named. */
export interface Entry {
  readonly name: string;
  readonly source: File | string;
  readonly type: Signal<TaskType>;
  readonly state: Signal<EntryState>;
  /** The same for every try, so that a try whose answer was lost makes no second task. */
  readonly idempotencyKey: string;
  /** Where the file was uploaded to, once it was. */
  uploadedUrl?: string;
  stop?: AbortController;
}

/** What to do with the inputs of one type. */
export interface Choice {
  /** Empty: the service chooses. */
  readonly workflow: string;
  readonly parameters: JsonObject;
}

/** What is asked for, besides the inputs. */
export interface Wishes {
  readonly image: Choice;
  readonly video: Choice;
  readonly priority: number;
  readonly labels: Readonly<Record<string, string>>;
  /** Whether a film may be cut into chunks. */
  readonly chunking: Chunking;
}

/** How many files are uploaded at once. */
const AT_ONCE = 2;

/** The inputs that the user gathers and submits. It outlives the view: uploads go on in other views. */
export class Submission {
  readonly entries: Signal<readonly Entry[]> = signal([]);
  readonly #clients: Clients;
  readonly #target: UploadTarget;

  constructor(clients: Clients, target: UploadTarget) {
    this.#clients = clients;
    this.#target = target;
  }

  add(sources: readonly (File | string)[]): void {
    this.forgetAccepted();
    this.entries.value = [...this.entries.peek(), ...sources.map(toEntry)];
  }

  /** Takes away what has become a task. */
  forgetAccepted(): void {
    const all = this.entries.peek();
    const kept = all.filter(({ state }) => state.peek().kind !== "accepted");
    if (kept.length < all.length) this.entries.value = kept;
  }

  /** Takes an input away; what runs for it is stopped. */
  remove(entry: Entry): void {
    entry.stop?.abort();
    this.entries.value = this.entries.peek().filter((each) => each !== entry);
  }

  /** Submits every input that was not accepted yet, some at once. */
  async submit(wishes: Wishes): Promise<void> {
    const waiting = this.entries.peek().filter(({ state }) => isIdle(state.peek()));
    const next = waiting.values();
    const work = async (): Promise<void> => {
      for (const entry of next) await this.#submitOne(entry, wishes);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  }

  async #submitOne(entry: Entry, wishes: Wishes): Promise<void> {
    const stop = new AbortController();
    entry.stop = stop;
    try {
      const url = await this.#urlOf(entry, stop.signal);
      entry.state.value = { kind: "creating" };
      const { taskId } = await this.#clients.tasks.createTask(requestOf(entry, url, wishes), {
        signal: stop.signal,
      });
      entry.state.value = { kind: "accepted", taskId };
    } catch (thrown) {
      if (stop.signal.aborted) entry.state.value = { kind: "ready" };
      else entry.state.value = { kind: "failed", failure: toFailure(thrown) };
    }
  }

  async #urlOf(entry: Entry, signal: AbortSignal): Promise<string> {
    const { source, state } = entry;
    if (typeof source === "string") return source;
    entry.uploadedUrl ??= await uploadFile(this.#target, source, signal, (ratio) => {
      state.value = { kind: "uploading", ratio };
    });
    return entry.uploadedUrl;
  }
}

/** Whether an input waits to be submitted, for the first time or once more. */
export function isIdle({ kind }: EntryState): boolean {
  return kind === "ready" || kind === "failed";
}

function toEntry(source: File | string): Entry {
  const name = typeof source === "string" ? nameOfUrl(source) : source.name;
  return {
    ...{ name, source },
    type: signal(guessType(source, name)),
    state: signal<EntryState>({ kind: "ready" }),
    idempotencyKey: randomKey(),
  };
}

function requestOf({ type, idempotencyKey }: Entry, url: string, wishes: Wishes) {
  const wanted = type.peek() === TaskType.IMAGE ? wishes.image : wishes.video;
  const { workflow, parameters } = wanted;
  return {
    ...{ url, type: type.peek(), workflow, parameters, idempotencyKey },
    ...{ priority: wishes.priority, labels: { ...wishes.labels }, chunking: wishes.chunking },
  };
}

const FILM_NAME = /\.(mp4|m4v|mov|webm|mkv|avi|ts|mts|m2ts|mpe?g|wmv|flv|3gp|ogv)$/i;

function guessType(source: File | string, name: string): TaskType {
  const mediaType = typeof source === "string" ? "" : source.type;
  const isFilm = mediaType.startsWith("video/") || FILM_NAME.test(name);
  return isFilm ? TaskType.VIDEO : TaskType.IMAGE;
}

function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
