import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readFilm } from "../../../src/film/read/read-film.js";
import { keepRest } from "../../../src/film/rest/keep-rest.js";
import {
  addMatroskaChapters,
  addNeroChapters,
  nameChapterTrack,
} from "../../support/films/add-chapters.js";
import { makeFilm } from "../../support/films/make-film.js";
import { tempDir } from "../../support/temp-dir.js";

const CHAPTERS = [
  { startSeconds: 0, title: "Beginning" },
  { startSeconds: 0.75, title: "Middle, über alles" },
  { startSeconds: 1.5, title: "" },
];
const signal = () => AbortSignal.timeout(60_000);

describe("chapters of a film", () => {
  it("are read from the list of an MP4", async () => {
    const path = join(await tempDir(), "film.mp4");
    await makeFilm(path);
    await addNeroChapters(path, CHAPTERS);
    expect((await readFilm(path, signal())).chapters).toEqual(CHAPTERS);
  });

  it("are read from the track of a MOV, and are no rest", async () => {
    const path = join(await tempDir(), "film.mov");
    await makeFilm(path, { hasSubtitles: true });
    await nameChapterTrack(path, 2);
    const film = await readFilm(path, signal());
    expect(film.chapters?.filter(({ title }) => title !== "")).toMatchObject([
      { startSeconds: 0, endSeconds: 0.5, title: "second 0" },
      { startSeconds: 1, endSeconds: 1.5, title: "second 1" },
    ]);
    const rest = await keepRest(path, film, `${path}.rest.mp4`, signal());
    expect(rest).toEqual({ isKept: false, notes: [] });
  });

  it("are read from an MKV", async () => {
    const path = join(await tempDir(), "film.mkv");
    await makeFilm(path);
    const chapters = CHAPTERS.map((chapter, at) => ({ ...chapter, endSeconds: 0.75 * (at + 1) }));
    await addMatroskaChapters(path, chapters);
    expect((await readFilm(path, signal())).chapters).toEqual(chapters);
  });

  it("are absent where there are none", async () => {
    const dir = await tempDir();
    for (const name of ["film.mp4", "film.mkv", "film.mov"]) {
      await makeFilm(join(dir, name));
      expect((await readFilm(join(dir, name), signal())).chapters).toBeUndefined();
    }
  });
});
