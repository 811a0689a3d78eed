/** Calls by their names in Aliyun's documentation. */
export type OssOperation =
  | "PutObject"
  | "GetObject"
  | "HeadObject"
  | "DeleteObject"
  | "ListObjects"
  | "InitiateMultipartUpload"
  | "UploadPart"
  | "CompleteMultipartUpload"
  | "AbortMultipartUpload"
  | "ListParts";

/** The effect of a fault on a request. */
export type OssFaultEffect =
  /** The request is refused. Its body is read or not. */
  | {
      readonly kind: "answer";
      readonly statusCode: number;
      readonly code: string;
      readonly message?: string;
    }
  /** The connection is reset after this number of bytes of the body. */
  | { readonly kind: "reset"; readonly afterBytes: number }
  /** After this number of bytes nothing more is read, and no answer is sent. */
  | { readonly kind: "stall"; readonly afterBytes: number }
  /** The request takes effect, but the connection is reset instead of an answer. */
  | { readonly kind: "lost-reply" }
  /**
   * The request takes effect, but the connection is closed after this number of bytes of the
   * answer.
   */
  | { readonly kind: "cut-reply"; readonly afterBytes: number }
  /** The request has no effect. The answer is 200 with an error in the body. */
  | { readonly kind: "error-body"; readonly code: string }
  /** Other bytes are stored than those received. */
  | { readonly kind: "corrupt" };

/** A fault and the requests that it applies to. */
export interface OssFault {
  readonly operation: OssOperation;
  readonly effect: OssFaultEffect;
  /** Applies only to this part. */
  readonly partNumber?: number;
  /** Applies only to objects whose key contains this. */
  readonly keyPart?: string;
  /** This number of requests succeed before the fault. @default 0 */
  readonly skip?: number;
  /** @default 1 */
  readonly times?: number;
}

/** The faults that have not happened yet. */
export class OssFaults {
  #faults: { readonly fault: OssFault; skip: number; times: number }[] = [];

  add(fault: OssFault): void {
    this.#faults.push({ fault, skip: fault.skip ?? 0, times: fault.times ?? 1 });
  }

  clear(): void {
    this.#faults = [];
  }

  /** The fault of this request, if there is one. */
  take(
    operation: OssOperation,
    { key, partNumber }: { readonly key: string; readonly partNumber: number | undefined },
  ): OssFaultEffect | undefined {
    for (const entry of this.#faults) {
      const { fault } = entry;
      if (fault.operation !== operation || !key.includes(fault.keyPart ?? "")) continue;
      if (fault.partNumber !== undefined && fault.partNumber !== partNumber) continue;
      if (entry.skip > 0) entry.skip -= 1;
      else if (entry.times > 0) {
        entry.times -= 1;
        return fault.effect;
      }
    }
    return undefined;
  }
}
