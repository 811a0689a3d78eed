import type {
  EncodedAudioPacketSource,
  EncodedPacket,
  Input,
  InputAudioTrack,
  Output,
} from "mediabunny";
import { PythonError } from "../python-text.js";
import { loadMedia, openInput } from "./media.js";
import type { Audio } from "./video.js";

/**
 * Copies the packets of a file's audio track into an output, up to the time that its frames have
 * reached.
 */
export class AudioCopy implements AsyncDisposable {
  readonly #track: CopiedTrack | undefined;

  private constructor(track: CopiedTrack | undefined) {
    this.#track = track;
  }

  /**
   * Adds the track to an output that has not started. Without audio it adds nothing.
   *
   * @throws PythonError if the output cannot contain the audio.
   */
  static async open(audio: Audio | null, output: Output): Promise<AudioCopy> {
    if (audio === null) return new AudioCopy(undefined);
    const input = await openInput(audio.audioPath);
    try {
      return new AudioCopy(await addTrack(input, output));
    } catch (error) {
      input.dispose();
      throw error;
    }
  }

  /** Adds all packets that begin no later than `seconds`. */
  async addUntil(seconds: number): Promise<void> {
    const track = this.#track;
    if (track === undefined) return;
    while (track.next !== undefined && track.next.timestamp <= seconds) {
      await track.source.add(track.next, track.meta);
      track.next = await nextOf(track.packets);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#track?.packets.return();
    this.#track?.input.dispose();
  }
}

interface CopiedTrack {
  readonly input: Input;
  readonly source: EncodedAudioPacketSource;
  readonly packets: AsyncGenerator<EncodedPacket, void>;
  readonly meta: EncodedAudioChunkMetadata;
  next: EncodedPacket | undefined;
}

async function addTrack(input: Input, output: Output): Promise<CopiedTrack | undefined> {
  const { EncodedAudioPacketSource, EncodedPacketSink } = await loadMedia();
  const track = await input.getPrimaryAudioTrack();
  if (track === null) return undefined;
  const { codec, decoderConfig } = await readCodec(track, output);
  const source = new EncodedAudioPacketSource(codec);
  const { packetCount } = await track.computePacketStats();
  const languageCode = await track.getLanguageCode();
  output.addAudioTrack(source, { languageCode, maximumPacketCount: packetCount });
  const packets = new EncodedPacketSink(track).packets();
  return { input, source, packets, meta: { decoderConfig }, next: await nextOf(packets) };
}

async function readCodec(track: InputAudioTrack, { format }: Output) {
  const codec = await track.getCodec();
  const decoderConfig = await track.getDecoderConfig();
  if (codec !== null && decoderConfig !== null && format.getSupportedAudioCodecs().includes(codec))
    return { codec, decoderConfig };
  const message = `Cannot keep the audio: MP4 does not hold ${codec ?? "its codec"}`;
  throw new PythonError("ValueError", message);
}

async function nextOf(
  packets: AsyncGenerator<EncodedPacket, void>,
): Promise<EncodedPacket | undefined> {
  return (await packets.next()).value ?? undefined;
}
