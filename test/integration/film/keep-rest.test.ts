import { access } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readFilm } from "../../../src/film/read/read-film.js";
import { keepRest } from "../../../src/film/rest/keep-rest.js";
import { restContainer } from "../../../src/film/rest/rest-container.js";
import { type FilmOptions, makeFilm } from "../../support/films/make-film.js";
import { readMetadata, readTracks, type StoredTrack } from "../../support/films/read-film-clip.js";
import { tempDir } from "../../support/temp-dir.js";

const SOUND = [
  { codec: "pcm_s16le", language: "eng" },
  { codec: "aac", channels: 6, language: "deu", startSeconds: 0.478 },
] as const;

const FILMS: readonly (readonly [string, FilmOptions])[] = [
  ["film.mp4", { sound: SOUND, hasSubtitles: true, title: "A film" }],
  ["film.mov", { sound: SOUND, hasSubtitles: true, title: "A film" }],
  ["film.mkv", { sound: SOUND, hasSubtitles: true, title: "A film" }],
  ["late.mp4", { sound: SOUND, title: "A film", times: (at) => at + 12 }],
  ["left-out.mp4", { sound: SOUND, title: "A film", times: (at) => at - 5 }],
  ["film.webm", { codec: "vp9", sound: [{ codec: "libopus", language: "fra" }], title: "A film" }],
];

/** The empty texts between others are FFmpeg's own. */
const isText = ({ hash }: { hash: string }) => hash !== "96a296d224f285c6";

function packetsOf({ packets }: StoredTrack) {
  return packets.filter(isText).map(({ seconds, hash }) => ({ seconds, hash }));
}

describe("the rest of a film", () => {
  it.each(FILMS)("has every packet at its time: %s", async (name, options) => {
    const path = join(await tempDir(), name);
    await makeFilm(path, { frameCount: 72, ...options });
    const signal = AbortSignal.timeout(60_000);
    const film = await readFilm(path, signal);
    const rest = `${path}.rest.${restContainer(film)}`;
    expect(await keepRest(path, film, rest, signal)).toEqual({ isKept: true, notes: [] });
    const others = (await readTracks(path)).filter(({ kind }) => kind !== 0);
    const kept = await readTracks(rest);
    const facts = (track: StoredTrack) => [track.kind, track.codecId, track.channels];
    expect(kept.map(facts)).toEqual(others.map(facts));
    expect(kept.map(packetsOf)).toEqual(others.map(packetsOf));
    expect((await readMetadata(rest))["title"]).toBe("A film");
    const language = (track: StoredTrack) => track.metadata["language"] ?? "und";
    expect(kept.map(language)).toEqual(others.map(language));
  });

  it("of a silent film is no file", async () => {
    const path = join(await tempDir(), "film.mp4");
    await makeFilm(path, { title: "Silent" });
    const signal = AbortSignal.timeout(60_000);
    const film = await readFilm(path, signal);
    const rest = `${path}.rest.mp4`;
    expect(await keepRest(path, film, rest, signal)).toEqual({ isKept: false, notes: [] });
    await expect(access(rest)).rejects.toThrow("ENOENT");
    expect(film.tags).toEqual({ title: "Silent" });
  });
});
