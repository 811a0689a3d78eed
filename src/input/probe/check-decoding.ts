import type { InputVideoTrack } from "mediabunny";
import { TaskError } from "../../domain/errors.js";
import { findSizeChange } from "./frame-size.js";

/** What a film asks of the servers, beyond its container. */
export interface DecodingBounds {
  /** Whether the built-in CPU server is the only one. */
  readonly isBuiltInOnly?: boolean;
}

/** How a high dynamic range is called, by the transfer function. Other colours of BT.2020 are none. */
const HDR_NAMES: ReadonlyMap<unknown, string> = new Map([
  ["pq", "PQ"],
  ["hlg", "HLG"],
]);

/**
 * Checks that servers can use the frames of a film, before one of them is asked. ComfyUI servers
 * decode more than the built-in server does, so they get what is refused for it alone.
 *
 * @returns what happens to the frames, for the notes of the task.
 * @throws TaskError INPUT_TYPE_UNSUPPORTED.
 */
export async function checkDecoding(
  track: InputVideoTrack,
  { isBuiltInOnly = false }: DecodingBounds,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const notes: string[] = [];
  const codec = await track.getCodec();
  if (codec === null && isBuiltInOnly)
    throw unsupported(
      `its video codec "${nameOf(await track.getInternalCodecId())}" is not decoded by the built-in CPU server, only by ComfyUI servers`,
    );
  const hdr = HDR_NAMES.get((await track.getColorSpace()).transfer);
  if (hdr !== undefined && isBuiltInOnly)
    throw unsupported(
      `it has a high dynamic range (${hdr}), which the built-in CPU server would lose`,
    );
  const change = await findSizeChange(track, codec, signal);
  if (change === undefined) return notes;
  const size = `${change.width} x ${change.height}`;
  if (!isBuiltInOnly)
    throw unsupported(`its frames change their size, to ${size}; ComfyUI needs frames of one size`);
  notes.push(`Frames of another size (${size}) were scaled to the size of the first`);
  return notes;
}

/** The codec as the container names it, such as the four characters of an MP4 or MOV. */
function nameOf(id: string | number | Uint8Array | null): string {
  const text = id instanceof Uint8Array ? Buffer.from(id).toString("latin1") : String(id);
  return text.replace(/[^\x20-\x7e]/g, "?");
}

function unsupported(what: string): TaskError {
  return new TaskError("INPUT_TYPE_UNSUPPORTED", `Cannot use input: ${what}`);
}
