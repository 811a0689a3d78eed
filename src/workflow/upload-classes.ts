/** Classes whose combos list uploaded files, whether or not they say so. */
export const UPLOAD_CLASSES: ReadonlySet<string> = new Set([
  "LoadImage",
  "LoadImageMask",
  "LoadVideo",
  "LoadAudio",
]);
