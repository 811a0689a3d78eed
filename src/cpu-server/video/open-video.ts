import type { Input, InputVideoTrack } from "mediabunny";
import { PythonError } from "../python-text.js";
import type { Film } from "./film.js";
import { leftOutCount } from "./left-out.js";
import { openInput } from "./media.js";
import { readFrames } from "./read-frames.js";
import type { Video } from "./video.js";

/**
 * Opens a video file. It reads the container and decodes the first frame, so that an unusable file
 * is refused before any work. The file must stay while its frames are read.
 *
 * @throws PythonError if the file is not a video, or if it has more than 8 bits or a high dynamic
 *   range, which would be lost.
 */
export async function openVideo(path: string): Promise<Video> {
  const input = await openInput(path);
  try {
    const track = await findTrack(input, path);
    const hasAudio = (await input.getPrimaryAudioTrack()) !== null;
    const film = await readFilm(track);
    const frames = {
      count: (await track.computePacketStats()).packetCount - (await leftOutCount(input, track)),
      width: await track.getCodedWidth(),
      height: await track.getCodedHeight(),
      film,
      isBoundToRun: false,
      [Symbol.asyncIterator]: () => readFrames(path),
    };
    for await (const _first of frames) break;
    return { frames, fps: film.fps, audio: hasAudio ? { audioPath: path } : null };
  } finally {
    input.dispose();
  }
}

/** @throws PythonError if no track can be decoded without loss. */
async function findTrack(input: Input, path: string): Promise<InputVideoTrack> {
  const track = await input.getPrimaryVideoTrack().catch((error: Error) => {
    const message = `Invalid data found when processing input: '${path}'`;
    throw new PythonError("av.error.InvalidDataError", message, { cause: error });
  });
  if (track === null) throw new PythonError("ValueError", `No video stream found in '${path}'`);
  const codec = (await track.getCodec()) ?? `"${await track.getInternalCodecId()}"`;
  if (isHdr(await track.getColorSpace()))
    throw new PythonError("ValueError", "Cannot use the video: it has a high dynamic range (HDR)");
  if (await track.canDecode()) return track;
  throw new PythonError("ValueError", `Cannot use the video: nothing here decodes ${codec}`);
}

/** 8-bit films in colours of BT.2020 have no high dynamic range. */
function isHdr({ transfer }: { readonly transfer?: string | null }): boolean {
  return transfer === "pq" || transfer === "hlg";
}

async function readFilm(track: InputVideoTrack): Promise<Film> {
  return {
    fps: (await track.computePacketStats()).averagePacketRate,
    rotation: await track.getRotation(),
    flip: await track.getFlip(),
    pixelAspectRatio: await track.getPixelAspectRatio(),
    colorSpace: await readColorSpace(track),
  };
}

/**
 * If the file does not state the colour space, the height of the picture decides, as in players.
 */
async function readColorSpace(track: InputVideoTrack): Promise<VideoColorSpaceInit> {
  const { primaries, transfer, matrix, fullRange } = await track.getColorSpace();
  const usual = (await track.getCodedHeight()) < LEAST_HD_HEIGHT ? "smpte170m" : "bt709";
  return {
    primaries: primaries ?? usual,
    transfer: transfer ?? usual,
    matrix: matrix ?? usual,
    // FFmpeg converts the narrow range of these codecs to the full range when it makes pixels. It
    // does not for other codecs.
    fullRange: fullRange === true && !["avc", "hevc"].includes(String(await track.getCodec())),
  };
}

const LEAST_HD_HEIGHT = 720;
