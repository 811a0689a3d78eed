/** The folder of the storage that holds the preview of a film until an hour or so after its end. */
export function previewFolder(film: string): string {
  return `previews/${film}/`;
}

/** The names of the objects of a preview, in its folder. */
export const previewNames = {
  /** What the playlists need: {@link PreviewFacts}. */
  facts: "preview.json",
  /** How the film's picture is shown, and how many frames it has. */
  film: "shown.json",
  /** When frames are shown: a stretch of the film, in order from 0. */
  times: (stretch: number): string => `times-${stretch}.json`,
  /** How players name the picture's codec: {@link PicturePreview}. */
  picture: "picture.json",
  /** The whole sound in one file; playlists name stretches of it. */
  sound: "sound.mp4",
  /** What decoders need before a segment. */
  init: (result: string): string => `init-${result}.mp4`,
  segment: (result: string): string => `segment-${result}.m4s`,
};

/**
 * What a chunk's result is called in the preview: every prompt's result is another one, so that no
 * player mixes two.
 *
 * @param resultKey the object of the result.
 */
export function previewNameOf(resultKey: string): string {
  const file = resultKey.slice(resultKey.lastIndexOf("/") + 1);
  return file.replace(/^result-/, "").replace(/\.[^.]*$/, "");
}

/** A stretch of the preview's sound. */
export interface SoundSegment {
  readonly startSeconds: number;
  readonly durationSeconds: number;
  readonly startByte: number;
  readonly sizeBytes: number;
}

/** What is known of a preview from the beginning of its film. */
export interface PreviewFacts {
  /** No segment is longer, in whole seconds. */
  readonly targetSeconds: number;
  readonly sound?: PreviewSound;
}

/** The sound of a preview. */
export interface PreviewSound {
  /** As RFC 6381 writes it. */
  readonly codec: string;
  /** Bytes of the file before its first segment: what decoders need. */
  readonly initBytes: number;
  readonly segments: readonly SoundSegment[];
}

/** The picture of a preview, as its first segment has it. */
export interface PicturePreview {
  /** As RFC 6381 writes it. */
  readonly codec: string;
  readonly width: number;
  readonly height: number;
  /** Bits a second. */
  readonly bandwidth: number;
}
