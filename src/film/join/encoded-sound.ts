import {
  AV_CHANNEL_ORDER_UNSPEC,
  AV_CODEC_FLAG_GLOBAL_HEADER,
  AV_NOPTS_VALUE,
  AV_SAMPLE_FMT_FLTP,
  FF_ENCODER_AAC,
} from "node-av/constants";
import {
  avChannelLayoutDefault,
  avChannelLayoutDescribe,
  avGetSampleFmtName,
  Codec,
  CodecContext,
  Filter,
  type FilterContext,
  FilterGraph,
  Frame,
  Packet,
  Rational,
  type Stream,
} from "node-av/lib";
import { throwIfFailed } from "../media/media-error.js";

/** What AAC has, by the number of channels. */
const LAYOUTS = ["mono", "stereo", "3.0", "4.0", "5.0", "5.1", "5.1", "7.1"];
const BITS_PER_CHANNEL = 96_000;
const MAX_RATE = 48_000;
const FRAME_SAMPLES = 1024;

/** Decodes the packets of a sound track and encodes them to AAC. A gap becomes silence. */
export class EncodedSound implements Disposable {
  readonly #from: Stream;
  readonly #decoder = new CodecContext();
  readonly #encoder = new CodecContext();
  readonly #graph = new FilterGraph();
  readonly #source: FilterContext;
  readonly #sink: FilterContext;
  readonly #frame = new Frame();
  readonly #packet = new Packet();
  readonly #rate: number;

  /** @param isFilled whether the sound begins at 0, with silence where the track begins later. @default false */
  constructor(from: Stream, isFilled = false) {
    this.#from = from;
    const { codecpar } = from;
    this.#rate = Math.min(codecpar.sampleRate, MAX_RATE);
    this.#frame.alloc();
    this.#packet.alloc();
    openDecoder(this.#decoder, from);
    [this.#source, this.#sink] = this.#filter(isFilled ? "async=1:first_pts=0" : "async=1");
    this.#openEncoder();
  }

  /** Seconds of a tick of the packets. */
  get timeBase(): Rational {
    return new Rational(1, this.#rate);
  }

  /** Makes a track of it. */
  describe(to: Stream): void {
    throwIfFailed(to.codecpar.fromContext(this.#encoder), "describe the encoded sound");
    to.timeBase = this.timeBase;
  }

  /** Encodes a packet of the track; null: it was the last. `take` is given each packet of AAC. */
  encode(packet: Packet | null, take: (packet: Packet) => void): void {
    // A packet that does not decode is left out: the gap becomes silence.
    if (this.#decoder.sendPacketSync(packet) < 0 && packet !== null) return;
    while (this.#decoder.receiveFrameSync(this.#frame) >= 0) {
      this.#setTime();
      throwIfFailed(this.#source.buffersrcAddFrameSync(this.#frame), "filter the sound");
      this.#drainFilter(take);
    }
    if (packet !== null) return;
    throwIfFailed(this.#source.buffersrcAddFrameSync(null), "filter the sound");
    this.#drainFilter(take);
    this.#send(null, take);
  }

  #setTime(): void {
    const { timeBase } = this.#from;
    const at = this.#frame.bestEffortTimestamp;
    if (at === AV_NOPTS_VALUE) return;
    const rate = this.#from.codecpar.sampleRate;
    this.#frame.pts = BigInt(Math.round((Number(at) * timeBase.num * rate) / timeBase.den));
  }

  #drainFilter(take: (packet: Packet) => void): void {
    while (this.#sink.buffersinkGetFrameSync(this.#frame) >= 0) this.#send(this.#frame, take);
  }

  #send(frame: Frame | null, take: (packet: Packet) => void): void {
    throwIfFailed(this.#encoder.sendFrameSync(frame), "encode the sound");
    frame?.unref();
    while (this.#encoder.receivePacketSync(this.#packet) >= 0) take(this.#packet);
  }

  #filter(resampling: string): [FilterContext, FilterContext] {
    const { codecpar } = this.#from;
    const layout =
      codecpar.channelLayout.order === AV_CHANNEL_ORDER_UNSPEC
        ? avChannelLayoutDefault(codecpar.channels)
        : codecpar.channelLayout;
    const rate = codecpar.sampleRate;
    const format = avGetSampleFmtName(this.#decoder.sampleFormat) ?? "";
    const source = `time_base=1/${rate}:sample_rate=${rate}:sample_fmt=${format}:channel_layout=${avChannelLayoutDescribe(layout) ?? ""}`;
    const target = `sample_fmts=fltp:sample_rates=${this.#rate}:channel_layouts=${layoutFor(codecpar.channels)}`;
    this.#graph.alloc();
    const filters = [
      this.#create("abuffer", source),
      this.#create("aresample", resampling),
      this.#create("aformat", target),
      this.#create("asetnsamples", `n=${FRAME_SAMPLES}:p=0`),
      this.#create("abuffersink"),
    ] as const;
    for (const [at, filter] of filters.entries()) {
      const next = filters[at + 1];
      if (next !== undefined) throwIfFailed(filter.link(0, next, 0), "filter the sound");
    }
    throwIfFailed(this.#graph.configSync(), "filter the sound");
    return [filters[0], filters[4]];
  }

  #create(name: string, options?: string): FilterContext {
    const filter = Filter.getByName(name);
    const made = filter && this.#graph.createFilter(filter, name, options ?? null);
    if (!made) throw new Error(`Cannot make the filter ${name}`);
    return made;
  }

  #openEncoder(): void {
    const codec = Codec.findEncoderByName(FF_ENCODER_AAC);
    const { channels } = this.#from.codecpar;
    const encoder = this.#encoder;
    encoder.allocContext3(codec);
    encoder.sampleFormat = AV_SAMPLE_FMT_FLTP;
    encoder.sampleRate = this.#rate;
    encoder.channelLayout = this.#sink.buffersinkGetChannelLayout();
    encoder.timeBase = this.timeBase;
    encoder.bitRate = BigInt(BITS_PER_CHANNEL * Math.min(channels, LAYOUTS.length));
    encoder.setFlags(AV_CODEC_FLAG_GLOBAL_HEADER);
    throwIfFailed(encoder.open2Sync(codec), "encode the sound");
  }

  [Symbol.dispose](): void {
    this.#packet.free();
    this.#frame.free();
    this.#graph.free();
    this.#encoder.freeContext();
    this.#decoder.freeContext();
  }
}

function openDecoder(decoder: CodecContext, { codecpar, timeBase }: Stream): void {
  const codec = Codec.findDecoder(codecpar.codecId);
  if (codec === null) throw new Error("The sound has no decoder");
  decoder.allocContext3(codec);
  throwIfFailed(codecpar.toContext(decoder), "decode the sound");
  decoder.pktTimebase = timeBase;
  throwIfFailed(decoder.open2Sync(codec), "decode the sound");
}

function layoutFor(channels: number): string {
  return LAYOUTS[Math.min(channels, LAYOUTS.length) - 1] ?? "stereo";
}
