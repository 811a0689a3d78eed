import { expect, test } from "vitest";
import { sweepPreviews } from "../../../../src/scheduler/tidy/preview-sweeper.js";
import { type PreviewedFilm, previewedFilm } from "../../../support/films/previewed-film.js";
import { openOss, startOss } from "../../../support/oss-server-fixture.js";

const HOUR_MS = 3_600_000;
const COUNTS = [12, 24, 12];

async function get({ url, film }: PreviewedFilm, path: string, init: RequestInit = {}) {
  const response = await fetch(`${url}/tasks/${film}/${path}`, { redirect: "manual", ...init });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

const PICTURE = "preview/hls/picture.m3u8";
const SOUND = "preview/hls/sound.m3u8";

test("GET /tasks/{id}/preview.m3u8 is there with the first chunk", async () => {
  const film = await previewedFilm(COUNTS);
  await film.complete(1);
  const url = async () => await film.previews.urlOf((await film.store.get(film.film))!);
  expect(await get(film, "preview.m3u8")).toMatchObject({ status: 404 });
  expect(await url()).toBeUndefined();
  await film.complete(0);
  expect(await url()).toBe(`http://service/tasks/${film.film}/preview.m3u8`);
  const { status, headers, text } = await get(film, "preview.m3u8");
  expect({ status, type: headers.get("content-type") }).toEqual({
    status: 200,
    type: "application/vnd.apple.mpegurl",
  });
  expect(text).toMatch(
    /CODECS="avc1\.\w+,mp4a\.40\.2",RESOLUTION=256x192,AUDIO="sound"\npreview\/hls\/picture\.m3u8\n$/,
  );
});

test("the playlists name what has completed in order, and end with the last chunk", async () => {
  const film = await previewedFilm(COUNTS);
  await film.complete(0);
  const first = (await get(film, PICTURE)).text;
  expect(first).toMatch(/#EXTINF:0\.500000,\nsegment-000000-abcdef01\.m4s\n$/);
  await film.complete(2);
  expect((await get(film, PICTURE)).text).toBe(first);
  await film.complete(1);
  const whole = (await get(film, PICTURE)).text;
  expect(whole.startsWith(first)).toBe(true);
  expect(whole.match(/^segment-.*$/gm)).toHaveLength(3);
  for (const path of [PICTURE, SOUND])
    expect((await get(film, path)).text).toMatch(/#EXT-X-ENDLIST\n$/);
  const target = Number(/TARGETDURATION:(\d+)/.exec(whole)?.[1]);
  for (const [, seconds] of whole.matchAll(/EXTINF:([\d.]+)/g))
    expect(Number(seconds)).toBeLessThanOrEqual(target);
});

test("a segment that could not be made is a gap, and no name that answers 404", async () => {
  const film = await previewedFilm(COUNTS);
  await film.complete(0);
  await film.complete(1);
  const name = "segment-000001-abcdef01.m4s";
  await film.storage.remove(`previews/${film.film}/${name}`, new AbortController().signal);
  await film.complete(2);
  const { text } = await get(film, PICTURE);
  expect(text).toContain(`#EXT-X-GAP\n#EXTINF:1.000000,\n${name}\n`);
  expect(text.match(/^#EXT-X-GAP$/gm)).toHaveLength(1);
});

test("the playlists end with a film that fails or is canceled", async () => {
  const film = await previewedFilm(COUNTS);
  await film.complete(0);
  await film.store.cancel(film.film);
  expect((await get(film, PICTURE)).text).toMatch(/#EXT-X-ENDLIST\n$/);
});

test("segments are served with ranges, and nothing else below a film's preview", async () => {
  const film = await previewedFilm(COUNTS);
  await film.complete(0);
  const range = { headers: { range: "bytes=4-7" } };
  expect(await get(film, "preview/hls/init-000000-abcdef01.mp4", range)).toMatchObject({
    ...{ status: 206, text: "ftyp" },
  });
  for (const name of ["film.json", "preview.json", "..%2Fx", "segment-000001-abcdef01.m4s"])
    expect(await get(film, `preview/hls/${name}`)).toMatchObject({ status: 404 });
});

test("segments in a bucket are fetched from there", async () => {
  const film = await previewedFilm(COUNTS, {}, openOss(await startOss(), { signedUrlMs: 60_000 }));
  await film.complete(0);
  const { status, headers } = await get(film, "preview/hls/segment-000000-abcdef01.m4s");
  expect(status).toBe(302);
  const segment = await fetch(headers.get("location") ?? "");
  expect(Buffer.from(await segment.arrayBuffer()).toString("latin1", 4, 8)).toBe("moof");
  expect((await get(film, "preview.m3u8")).text).not.toContain("AUDIO");
});

test("a film can be watched for an hour after its end, and is swept then", async () => {
  const film = await previewedFilm(COUNTS);
  await film.complete(0);
  await film.store.cancel(film.film);
  const url = async () => {
    const task = await film.store.get(film.film);
    return task && film.previews.urlOf(task);
  };
  const sweep = async () => {
    const now = () => Date.now() + film.clock.laterMs;
    const options = { store: film.store, storage: film.storage, previewMs: HOUR_MS, now };
    await sweepPreviews(options, "a", new AbortController().signal);
    const left: string[] = [];
    for await (const { key } of film.storage.list("previews/", new AbortController().signal))
      left.push(key);
    return left.length;
  };
  film.clock.laterMs = HOUR_MS - 60_000;
  expect(await url()).toBe(`http://service/tasks/${film.film}/preview.m3u8`);
  expect(await sweep()).toBeGreaterThan(4);
  film.clock.laterMs = HOUR_MS + 60_000;
  expect(await url()).toBeUndefined();
  expect(await get(film, "preview.m3u8")).toMatchObject({ status: 404 });
  expect(await sweep()).toBe(0);
});

test("the playlists of a signed link name signed files, and repeat nothing else", async () => {
  const film = await previewedFilm(COUNTS);
  await film.complete(0);
  const query = "?expires=1&signature=a-_9";
  const named = await Promise.all(
    ["preview.m3u8", PICTURE, SOUND].map(async (path) => {
      const { text } = await get(film, path + query);
      const other = await get(film, `${path}?expires=1&signature=%22%0Aevil`);
      expect(other.text).toBe((await get(film, path)).text);
      expect(text.replaceAll(query, "")).toBe(other.text);
      return text.match(/(?<=URI=")[^"]+|^[^#\n].*$/gm) ?? [];
    }),
  );
  expect(named.flat().length).toBeGreaterThan(5);
  expect(named.flat().filter((name) => !name.endsWith(query))).toEqual([]);
});
