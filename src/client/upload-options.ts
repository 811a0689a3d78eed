/** Options of one upload. */
export interface UploadOptions {
  /** The file's name. @default the file's own, if it has one */
  readonly fileName?: string;
  /** Aborts the upload. The service then keeps nothing of it. */
  readonly signal?: AbortSignal;
}
