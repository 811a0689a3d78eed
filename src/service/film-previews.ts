import { chunkId } from "../domain/film.js";
import type { Task } from "../domain/task.js";
import {
  masterPlaylist,
  type PreviewChunk,
  type PreviewState,
  picturePlaylist,
  playlistNames,
  soundPlaylist,
} from "../film/preview/playlists.js";
import {
  type PicturePreview,
  type PreviewFacts,
  previewFolder,
  previewNameOf,
  previewNames,
} from "../film/preview/preview-objects.js";
import { type PreviewPlace, readJson } from "../film/preview/preview-storage.js";
import type { ObjectStorage } from "../storage/object-storage.js";
import type { FilmQueue } from "../store/film-queue.js";
import type { TaskReading } from "../store/task-reading.js";

/** What previews of films are shown with. */
export interface FilmPreviewsOptions extends PreviewPlace {
  readonly storage: Pick<ObjectStorage, "put" | "get" | "list">;
  readonly store: Pick<TaskReading, "get"> & Pick<FilmQueue, "chunks" | "getUnit">;
  /** The service's own address. It is read at each use, since a free port is known late. */
  readonly publicUrl: string;
  /** How long a film can be watched after its end. 0: films cannot be watched. */
  readonly previewMs: number;
  readonly now: () => number;
}

/** What is known of a preview once its first segment is there; it does not change. */
interface KnownPreview {
  readonly facts: PreviewFacts;
  readonly picture: PicturePreview;
  /** Names of objects that were seen in its folder. */
  readonly seen: Set<string>;
}

/** Previews whose facts are kept in memory. */
const MAX_KNOWN = 100;
const READ_LIMIT_MS = 10_000;
/** The folder of a preview's playlists and segments below its task. */
const FOLDER = "preview/hls/";

/**
 * Films that can be watched while they render. The playlists are made of the chunks that the store
 * says have completed, so that every replica gives the same.
 */
export class FilmPreviews {
  readonly #options: FilmPreviewsOptions;
  readonly #known = new Map<string, KnownPreview>();

  constructor(options: FilmPreviewsOptions) {
    this.#options = options;
  }

  /** Where a film can be watched; undefined: nowhere, not yet (its first chunk has not completed) or not any more. */
  async urlOf(task: Task): Promise<string | undefined> {
    if (!this.#isShown(task)) return undefined;
    const first = await this.#options.store.getUnit(chunkId(task.taskId, 0));
    if (first?.status !== "completed") return undefined;
    return `${this.#options.publicUrl}/tasks/${task.taskId}/preview.m3u8`;
  }

  /** The playlist that a player opens; undefined: there is nothing to watch. */
  async master(taskId: string): Promise<string | undefined> {
    const known = await this.#find(taskId);
    return known && masterPlaylist(FOLDER, known.picture, known.facts);
  }

  /** One of the other playlists by its file name; undefined: there is none. */
  async playlist(taskId: string, name: string): Promise<string | undefined> {
    const known = await this.#find(taskId);
    if (known === undefined) return undefined;
    const { facts } = known;
    if (name === playlistNames.picture)
      return picturePlaylist(facts, await this.#state(taskId, known));
    if (name !== playlistNames.sound || facts.sound === undefined) return undefined;
    return soundPlaylist(facts, facts.sound, await this.#state(taskId, known));
  }

  /** The object of a segment by its file name; undefined: no segment has such a name. */
  keyOf(taskId: string, name: string): string | undefined {
    const isName = name === previewNames.sound || SEGMENT_NAME.test(name);
    return isName ? `${previewFolder(taskId)}${name}` : undefined;
  }

  async #find(taskId: string): Promise<KnownPreview | undefined> {
    const task = await this.#options.store.get(taskId);
    if (task === undefined || !this.#isShown(task)) return undefined;
    const known = this.#known.get(taskId) ?? (await this.#read(taskId));
    if (known === undefined) return undefined;
    this.#known.delete(taskId);
    this.#known.set(taskId, known);
    for (const oldest of this.#known.keys())
      if (this.#known.size > MAX_KNOWN) this.#known.delete(oldest);
    return known;
  }

  async #read(taskId: string): Promise<KnownPreview | undefined> {
    const signal = AbortSignal.timeout(READ_LIMIT_MS);
    const read = (name: string) => readJson(taskId, name, this.#options, signal);
    const facts = (await read(previewNames.facts)) as PreviewFacts | undefined;
    const picture = (await read(previewNames.picture)) as PicturePreview | undefined;
    return facts && picture && { facts, picture, seen: new Set() };
  }

  /** How many of the first chunks have completed one after the other. */
  async #state(taskId: string, { seen }: KnownPreview): Promise<PreviewState> {
    const { store } = this.#options;
    const [task, chunks] = [await store.get(taskId), await store.chunks(taskId)];
    const isCut = task?.film?.phase !== "cut" || task.status !== "processing";
    const gap = chunks.findIndex(({ status }) => status !== "completed");
    const shown = gap < 0 ? chunks : chunks.slice(0, gap);
    const named = shown.flatMap(({ chunk, outputs: [output] = [] }) =>
      chunk && output
        ? { name: previewNameOf(output.key), durationSeconds: chunk.durationSeconds }
        : [],
    );
    const isThere = ({ name }: PreviewChunk): boolean => seen.has(previewNames.segment(name));
    if (!named.every(isThere)) await this.#look(taskId, seen);
    return {
      chunks: named.map((chunk) => ({ ...chunk, isMissing: !isThere(chunk) })),
      isEnd: isEnded(task) || (isCut && shown.length === chunks.length),
    };
  }

  async #look(taskId: string, seen: Set<string>): Promise<void> {
    const folder = previewFolder(taskId);
    const stored = this.#options.storage.list(folder, AbortSignal.timeout(READ_LIMIT_MS));
    for await (const { key } of stored) seen.add(key.slice(folder.length));
  }

  #isShown({ film, finishedAt }: Task): boolean {
    const { previewMs, now } = this.#options;
    if (film === undefined || film.completedCount === 0 || previewMs === 0) return false;
    return finishedAt === undefined || now() < finishedAt.getTime() + previewMs;
  }
}

const SEGMENT_NAME = /^(?:init-[0-9a-f-]+\.mp4|segment-[0-9a-f-]+\.m4s)$/;

function isEnded(task: Task | undefined): boolean {
  return task?.finishedAt !== undefined;
}
