import type { AudioSample } from "mediabunny";
import { loadMedia, openInput } from "../../video/media.js";
import type { Audio } from "../../video/video.js";

/** Sound of two channels, left and right in turns. */
export interface StereoSound {
  readonly sampleRate: number;
  readonly samples: Float32Array;
}

/** How much louder than it was PCM comes back, by far too loud to be heard. */
const PCM_GAIN = 2000;

/**
 * A file's first sound track as ComfyUI gives it back: from the start of the film, however late it was; PCM destroyed;
 * of more than two channels one after the other taken for left and right.
 *
 * @returns undefined where there is none.
 */
export async function spoilSound(audio: Audio | null): Promise<StereoSound | undefined> {
  if (audio === null) return undefined;
  const { AudioSampleSink } = await loadMedia();
  const input = await openInput(audio.audioPath);
  try {
    const track = await input.getPrimaryAudioTrack();
    if (track === null) return undefined;
    const gain = (await track.getCodec())?.startsWith("pcm") ? PCM_GAIN : 1;
    const parts: Float32Array[] = [];
    let sampleRate = 0;
    for await (const sample of new AudioSampleSink(track).samples()) {
      using heard = sample;
      sampleRate = heard.sampleRate;
      parts.push(asStereo(heard).map((value) => Math.min(1, Math.max(-1, value * gain))));
    }
    return { sampleRate, samples: joined(parts) };
  } finally {
    input.dispose();
  }
}

function asStereo(sample: AudioSample): Float32Array {
  const { numberOfChannels, numberOfFrames } = sample;
  const values = new Float32Array(numberOfChannels * numberOfFrames);
  sample.copyTo(values, { planeIndex: 0, format: "f32" });
  if (numberOfChannels > 1) return values;
  return Float32Array.from({ length: values.length * 2 }, (_, at) => values[at >> 1] ?? 0);
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
