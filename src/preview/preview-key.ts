/** Of what a task has previews. */
export type PreviewSide = "input" | "output";

/** How wide previews are at most, in pixels. The widest is made of the file, the others of it. */
export const PREVIEW_WIDTHS = [320, 640, 1280, 1920] as const;
export type PreviewWidth = (typeof PREVIEW_WIDTHS)[number];
export const MAX_PREVIEW_WIDTH: PreviewWidth = 1920;

/** The folder of the storage in which the previews of a task are. */
export function previewFolder(taskId: string): string {
  return `pictures/${taskId}/`;
}

/** The key of a preview in the storage. */
export function previewKey(taskId: string, side: PreviewSide, width: PreviewWidth): string {
  return `${previewFolder(taskId)}${side}-${width}.webp`;
}
