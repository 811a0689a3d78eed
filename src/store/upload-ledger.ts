/** An upload that takes room of its tenant. */
export interface NotedUpload {
  /** Of its object in the storage. */
  readonly key: string;
  readonly tenant: string;
  readonly sizeBytes: number;
  /** How long it takes room, in milliseconds. */
  readonly ttlMs: number;
}

/** For how long it stays known whose an upload was that has expired: longer than clocks differ. */
export const UPLOAD_KNOWN_MS = 3_600_000;

/** The part of a store that knows whose uploads are. Those that it does not know are the tenant's `default`. */
export interface UploadLedger {
  /**
   * Notes an upload, unless those of its tenant that have not expired would then take more than
   * `maxBytes`. They never do; of several that are noted at the same time on MongoDB, all may be refused
   * where one had room.
   *
   * @param maxBytes @default no limit
   * @returns whether it was noted.
   */
  note(upload: NotedUpload, maxBytes?: number): Promise<boolean>;

  /** Gives the room of an upload back. */
  forget(key: string): Promise<void>;

  /** How much the uploads of a tenant take that have not expired. */
  takenBytes(tenant: string): Promise<number>;

  /** Whose an upload is; undefined: it is not known. */
  tenantOf(key: string): Promise<string | undefined>;
}
