/** A ratio of two whole numbers, the second above 0. */
export interface Ratio {
  readonly num: number;
  readonly den: number;
}

/** Colour of a film by the code points of ISO/IEC 23091-2; absent: not stated. */
export interface FilmColour {
  readonly primaries?: number;
  readonly transfer?: number;
  readonly matrix?: number;
  readonly isFullRange?: boolean;
}

/** A chapter of a film. */
export interface Chapter {
  readonly startSeconds: number;
  /** Absent: it goes on to the next. */
  readonly endSeconds?: number;
  readonly title: string;
}

/**
 * What is known of a film's picture, and all that the join puts back; plain JSON, kept beside the
 * pieces because the film's URL may be dead by then.
 */
export interface FilmFacts {
  /** `mp4` and `mov` are read as one family. */
  readonly container: "mp4" | "mov" | "matroska" | "webm";
  /** As FFmpeg names it: `h264`, `hevc`, `vp9`, `av1`. */
  readonly codec: string;
  /** Of the frames as stored, before rotation and pixel aspect. */
  readonly width: number;
  readonly height: number;
  readonly rotationDegrees: 0 | 90 | 180 | 270;
  readonly pixelAspect: Ratio;
  readonly colour: FilmColour;
  readonly bitDepth: number;
  readonly isInterlaced: boolean;
  readonly hasAlpha: boolean;
  /** Seconds of one tick. */
  readonly timeBase: Ratio;
  /** When each shown frame is shown, in ticks, strictly growing; the first may be late or below 0. */
  readonly times: readonly number[];
  /** How long the last frame is shown, in ticks. */
  readonly lastDuration: number;
  /** Frames a second where all are shown equally long. */
  readonly frameRate?: Ratio;
  /** What the film says of itself, such as its title, by FFmpeg's names. Absent: nothing. */
  readonly tags?: Readonly<Record<string, string>>;
  /** Of the picture's track, ISO 639-2. Absent: not stated. */
  readonly language?: string;
  /** In the order of time. Absent: there are none. */
  readonly chapters?: readonly Chapter[];
}

/** What the join and the preview need to know of how a film is shown, beside the times of its frames. */
export type FilmLook = Pick<
  FilmFacts,
  "width" | "height" | "rotationDegrees" | "pixelAspect" | "colour" | "frameRate" | "language"
>;
