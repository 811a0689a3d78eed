import type { FormatContext, Stream } from "node-av";
import { damagedFilm, unusableFilm } from "./damaged-film.js";

/** A film that is open for reading. */
export interface OpenFilm extends AsyncDisposable {
  readonly format: FormatContext;
  /** The track whose pictures are shown. */
  readonly picture: Stream;
}

/** Nothing but the file itself is opened, whatever stands in it, and as nothing but these containers. */
const OPEN_OPTIONS = {
  protocol_whitelist: "file",
  format_whitelist: "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm",
  max_streams: "200",
} as const;

/**
 * Opens a film with FFmpeg, which is what a ComfyUI server reads it with: its edit lists count, and
 * frames that they leave out are marked. The caller must dispose it.
 *
 * @param isProbed - whether to look into the pictures for what the container does not say, which
 *   takes some of them to be decoded.
 * @throws TaskError INPUT_DAMAGED, INPUT_TYPE_UNSUPPORTED (there is no video in it).
 */
export async function openFilm(
  path: string,
  signal: AbortSignal,
  { isProbed = true }: { readonly isProbed?: boolean } = {},
): Promise<OpenFilm> {
  signal.throwIfAborted();
  const { AV_LOG_QUIET, FFmpegError, FormatContext, Log } = await import("node-av");
  Log.setLevel(AV_LOG_QUIET);
  const format = new FormatContext();
  format.allocContext();
  for (const [name, value] of Object.entries(OPEN_OPTIONS)) format.setOption(name, value);
  const interrupt = () => format.interrupt();
  signal.addEventListener("abort", interrupt);
  const dispose = async () => {
    signal.removeEventListener("abort", interrupt);
    await format.closeInput();
  };
  try {
    FFmpegError.throwIfError(await format.openInput(`file:${path}`, null, null));
    if (isProbed) FFmpegError.throwIfError(await format.findStreamInfo());
    return { format, picture: await findPicture(format), [Symbol.asyncDispose]: dispose };
  } catch (thrown) {
    await dispose();
    signal.throwIfAborted();
    if (thrown instanceof FFmpegError) throw damagedFilm("its container cannot be read", thrown);
    throw thrown;
  }
}

/** Covers of albums are tracks too. Of several tracks the one that is marked as default counts. */
async function findPicture(format: FormatContext): Promise<Stream> {
  const { AV_DISPOSITION_ATTACHED_PIC, AV_DISPOSITION_DEFAULT, AVMEDIA_TYPE_VIDEO } = await import(
    "node-av"
  );
  const pictures = format.streams.filter(
    (stream) =>
      stream.codecpar.codecType === AVMEDIA_TYPE_VIDEO &&
      !stream.hasDisposition(AV_DISPOSITION_ATTACHED_PIC),
  );
  const picture =
    pictures.find((stream) => stream.hasDisposition(AV_DISPOSITION_DEFAULT)) ?? pictures[0];
  if (picture === undefined) throw unusableFilm("there is no video in the file");
  return picture;
}
