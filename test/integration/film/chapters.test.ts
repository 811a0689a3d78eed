import { join } from "node:path";
import { AV_LOG_ERROR, AV_LOG_INFO, Log } from "node-av";
import { describe, expect, it } from "vitest";
import { writeChapters } from "../../../src/film/chapters/write-chapters.js";
import { joinFilm } from "../../../src/film/join/join-film.js";
import { readFilm } from "../../../src/film/read/read-film.js";
import { keepRest } from "../../../src/film/rest/keep-rest.js";
import { eventually } from "../../support/eventually.js";
import {
  addMatroskaChapters,
  addNeroChapters,
  nameChapterTrack,
} from "../../support/films/add-chapters.js";
import { openForReading } from "../../support/films/libav.js";
import { type FilmOptions, makeFilm } from "../../support/films/make-film.js";
import { readShown, readTracks } from "../../support/films/read-film-clip.js";
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

  it.each([
    ["plain.mp4", {}],
    ["fast.mp4", { writer: { movflags: "faststart" }, title: "A title" }],
    ["film.mkv", { title: "A title" }],
  ] as readonly (readonly [string, FilmOptions])[])(
    "are put into a film, whose packets stay as they are: %s",
    async (name, options) => {
      const path = join(await tempDir(), name);
      await makeFilm(path, { ...options, sound: [{ codec: "aac" }] });
      const [tracks, frames] = [await readTracks(path), await readShown(path)];
      const many = Array.from({ length: 40 }, (_, at) => ({
        startSeconds: at / 20,
        title: `Chapter ${at} ${"ü".repeat(at)}`,
      }));
      await writeChapters(path, name.endsWith("mkv") ? "mkv" : "mp4", many, signal());
      const film = await readFilm(path, signal());
      expect(film.chapters).toEqual(many);
      expect(film.tags).toEqual("title" in options ? { title: "A title" } : undefined);
      expect(await readTracks(path)).toEqual(tracks);
      expect(await readShown(path)).toEqual(frames);
      expect(await chaptersSeenByFfmpeg(path)).toBe(many.length);
    },
  );

  it.each(["mp4", "mkv"] as const)(
    "are in the joined film, with title and language: %s",
    async (container) => {
      const path = join(await tempDir(), `film.${container}`);
      await makeFilm(path, { title: "Silent", language: "fra" });
      await writeChapters(path, container, CHAPTERS, signal());
      const film = await readFilm(path, signal());
      const outPath = `${path}.out.${container}`;
      const results = [{ path, frameCount: film.times.length }];
      expect(await joinFilm({ film, results, outPath, container }, signal())).toEqual({
        notes: [],
      });
      const { chapters, tags, language } = await readFilm(outPath, signal());
      expect({ chapters, tags, language }).toEqual({
        ...{ chapters: CHAPTERS, tags: { title: "Silent" }, language: "fra" },
      });
    },
  );

  it("are absent where there are none", async () => {
    const dir = await tempDir();
    for (const name of ["film.mp4", "film.mkv", "film.mov"]) {
      await makeFilm(join(dir, name));
      expect((await readFilm(join(dir, name), signal())).chapters).toBeUndefined();
    }
  });
});

/** The library has no call for chapters, but prints them. */
async function chaptersSeenByFfmpeg(path: string): Promise<number> {
  const lines: string[] = [];
  const input = await openForReading(path);
  Log.setLevel(AV_LOG_INFO);
  Log.setCallback((_level, text) => lines.push(text));
  input.dumpFormat(0, path, false);
  await eventually(() => expect(lines.join("")).toContain("Stream #0:1"));
  Log.resetCallback();
  Log.setLevel(AV_LOG_ERROR);
  await input.closeInput();
  return lines.filter((line) => line.includes("Chapter #")).length;
}
