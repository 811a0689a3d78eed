import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { registerMediabunnyServer } from "@mediabunny/server";
import { AudioSampleSink, FilePathSource, Input, MP4, VideoSampleSink } from "mediabunny";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readClip } from "../../support/clips.js";
import { startCpuServer, type TestCpuServer } from "../../support/cpu-server.js";
import { type Loose, post, untilHistory, upload } from "../../support/cpu-server-client.js";
import { type FilmOptions, makeFilm } from "../../support/films/make-film.js";
import { readMetadata, readShown, readTracks } from "../../support/films/read-film-clip.js";
import { tempDir } from "../../support/temp-dir.js";

// The CPU server in the place of a ComfyUI: what that was seen to lose of films, this loses too.

let server: TestCpuServer;
beforeAll(async () => {
  registerMediabunnyServer({ hardwareContext: null });
  server = await startCpuServer({ switches: { simulate: { steps: 1, stepMs: 0 } } });
});
afterAll(() => server[Symbol.asyncDispose]());

type Build = "old" | "new";
const BUILDS = ["old", "new"] as const;
let count = 0;

async function sourceOf(options: FilmOptions, extension = "mp4"): Promise<string> {
  count += 1;
  const path = join(await tempDir(), `film-${count}.${extension}`);
  await makeFilm(path, options);
  return path;
}

/** The file that a server of a build makes of a film, twice as wide and high. */
async function through(build: Build, options: FilmOptions, extension = "mp4"): Promise<string> {
  const source = await sourceOf(options, extension);
  const name = basename(source);
  await upload(server.url, name, new Uint8Array(await readFile(source)));
  await server.set({ films: { as: build } });
  const prompt = {
    "1": { class_type: "LoadVideo", inputs: { file: name } },
    "2": { class_type: "GetVideoComponents", inputs: { video: ["1", 0] } },
    "3": { class_type: "UpscaleModelLoader", inputs: { model_name: "anime4k-cnn-x2" } },
    "4": {
      class_type: "ImageUpscaleWithModel",
      inputs: { upscale_model: ["3", 0], image: ["2", 0] },
    },
    "5": {
      class_type: "CreateVideo",
      inputs: { images: ["4", 0], fps: ["2", 2], audio: ["2", 1] },
    },
    "6": {
      class_type: "SaveVideo",
      inputs: { video: ["5", 0], filename_prefix: "made", format: "mp4", codec: "h264" },
    },
  };
  const { body } = await post(`${server.url}/prompt`, { prompt });
  const { outputs, status }: Loose = await untilHistory(server.url, body.prompt_id);
  expect(status.messages.at(-1)).toMatchObject(["execution_success", {}]);
  return join(server.dir, "output", outputs["6"].images[0].filename);
}

const read = async (path: string) => await readClip(await readFile(path));

describe.each(BUILDS)("a film through a ComfyUI of the %s build", (build) => {
  it("keeps its frames in their order, at a constant rate from 0 on, rounded to thousandths", async () => {
    const rate = { num: 24_000, den: 1001 };
    const path = await through(build, { frameCount: 30, rate });
    const shown = await readShown(path);
    expect(shown.map(({ number }) => number)).toEqual(Array.from({ length: 30 }, (_, at) => at));
    for (const [at, { seconds }] of shown.entries()) expect(seconds).toBeCloseTo(at / 23.976, 6);
  });

  it("has no variable times any more", async () => {
    const times = (index: number) => index * 2 + (index % 3 === 0 ? 1 : 0);
    const path = await through(build, { frameCount: 12, rate: { num: 48, den: 1 }, times });
    const { frameTimes } = await read(path);
    const steps = frameTimes.slice(1).map((time, at) => time - (frameTimes[at] ?? 0));
    for (const step of steps) expect(step).toBeCloseTo(steps[0] ?? 0, 4);
    expect(frameTimes[0]).toBe(0);
  });

  it("has square pixels, and no word of its colours", async () => {
    const facts = await read(
      await through(build, { frameCount: 3, isBt709: true, pixelAspect: { num: 16, den: 11 } }),
    );
    expect(facts).toMatchObject({ stretch: 1, width: 256, height: 192 });
    expect(facts.colourMatrix ?? null).toBeNull();
  });

  it("names its writer, and holds the prompt", async () => {
    const tags = await readMetadata(await through(build, { frameCount: 3 }));
    expect(tags).toMatchObject({
      encoder: build === "old" ? "Lavf59.27.100" : "Lavf62.12.102",
      prompt: expect.any(String),
    });
  });

  it("has the first sound track alone, from the start, as AAC of two channels", async () => {
    const path = await through(
      build,
      {
        frameCount: 48,
        sound: [{ codec: "aac", channels: 1, startSeconds: 0.5 }, { codec: "aac" }],
      },
      "mov",
    );
    const sounds = (await readTracks(path)).filter(({ kind }) => kind === 1);
    expect(sounds).toHaveLength(1);
    expect(sounds[0]?.channels).toBe(2);
    expect(sounds[0]?.packets[0]?.seconds).toBeLessThanOrEqual(0);
  });

  it("makes sound of six channels three times as long", async () => {
    const path = await through(build, {
      frameCount: 48,
      sound: [{ codec: "aac", channels: 6 }],
    });
    const [sound] = (await readTracks(path)).filter(({ kind }) => kind === 1);
    expect(sound?.packets.at(-1)?.seconds).toBeGreaterThan(5.5);
  });

  it("destroys PCM", async () => {
    const options: FilmOptions = { frameCount: 24, sound: [{ codec: "pcm_s16le" }] };
    const path = await through(build, options, "mov");
    const [sound] = (await readTracks(path)).filter(({ kind }) => kind === 1);
    expect(sound?.channels).toBe(2);
    expect(await peakOf(path)).toBeGreaterThan(0.9);
  });
});

it("a turned film lies on its side, or is turned", async () => {
  const options: FilmOptions = { frameCount: 3, rotation: 90 };
  const [lying] = await readShown(await through("old", options));
  const [upright] = await readShown(await through("new", options));
  expect(lying).toMatchObject({ width: 192, height: 256, number: 0 });
  expect(lying?.turn).not.toBe(0);
  expect(upright).toMatchObject({ width: 256, height: 192, number: 0, turn: 0 });
});

it("colours of BT.709 are written anew by the new build, others alike by both", async () => {
  const differences = async (isBt709: boolean) => {
    const old = await planeMeans(await through("old", { frameCount: 3, isBt709 }));
    const made = await planeMeans(await through("new", { frameCount: 3, isBt709 }));
    return old.map((value, at) => Math.abs(value - (made[at] ?? 0)));
  };
  expect(Math.max(...(await differences(true)))).toBeGreaterThan(1.5);
  expect(Math.max(...(await differences(false)))).toBeLessThan(0.5);
});

it("the two builds make decoders that are not the same, each always its own", async () => {
  const of = async (build: Build, frameCount: number) =>
    await decoderConfig(await through(build, { frameCount }));
  const [old, made] = [await of("old", 12), await of("new", 12)];
  expect(old).not.toEqual(made);
  expect(await of("old", 40)).toEqual(old);
  expect(await of("new", 40)).toEqual(made);
});

/** Opens a file for what only the media library tells. */
async function opened<Value>(path: string, look: (input: Input) => Promise<Value>): Promise<Value> {
  using input = new Input({ source: new FilePathSource(path), formats: [MP4] });
  return await look(input);
}

/** The mean of each plane of a film's first frame. */
async function planeMeans(path: string): Promise<readonly number[]> {
  return await opened(path, async (input) => {
    const track = await input.getPrimaryVideoTrack();
    const sample = track && (await new VideoSampleSink(track).getSample(0));
    if (!sample) throw new Error("There is no frame");
    using frame = sample;
    expect(frame.format).toBe("I420");
    const planes = new Uint8Array(frame.allocationSize());
    await frame.copyTo(planes);
    const luma = frame.codedWidth * frame.codedHeight;
    const parts = [
      planes.subarray(0, luma),
      planes.subarray(luma, luma * 1.25),
      planes.subarray(luma * 1.25),
    ];
    return parts.map((part) => part.reduce((sum, value) => sum + value, 0) / part.length);
  });
}

async function peakOf(path: string): Promise<number> {
  return await opened(path, async (input) => {
    const track = await input.getPrimaryAudioTrack();
    if (track === null) throw new Error("There is no sound");
    let peak = 0;
    for await (const sample of new AudioSampleSink(track).samples()) {
      using heard = sample;
      const values = new Float32Array(heard.numberOfFrames * heard.numberOfChannels);
      heard.copyTo(values, { planeIndex: 0, format: "f32" });
      peak = values.reduce((most, value) => Math.max(most, Math.abs(value)), peak);
    }
    return peak;
  });
}

async function decoderConfig(path: string): Promise<string> {
  return await opened(path, async (input) => {
    const config = await (await input.getPrimaryVideoTrack())?.getDecoderConfig();
    return Buffer.from((config?.description ?? new ArrayBuffer(0)) as ArrayBuffer).toString("hex");
  });
}
