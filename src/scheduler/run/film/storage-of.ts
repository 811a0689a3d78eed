import type { FilmStorage } from "../../../pipeline/film/film-storage.js";
import type { RunContext } from "../run-context.js";

/** Where films are kept while they run. */
export function storageOf({ upload, films }: Pick<RunContext, "upload" | "films">): FilmStorage {
  return { storage: upload.storage, patience: films.patience };
}
