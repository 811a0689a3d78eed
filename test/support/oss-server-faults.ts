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

/** What goes wrong with a request. */
export type OssFaultEffect =
  /** It is refused, its body read or not. */
  | {
      readonly kind: "answer";
      readonly statusCode: number;
      readonly code: string;
      readonly message?: string;
    }
  /** The connection is reset once so many bytes of the body have come. */
  | { readonly kind: "reset"; readonly afterBytes: number }
  /** Nothing is read any more once so many bytes have come, and nothing answered. */
  | { readonly kind: "stall"; readonly afterBytes: number }
  /** It is done, and the connection is reset instead of an answer. */
  | { readonly kind: "lost-reply" }
  /** It is done, and the connection is closed once so many bytes of the answer are sent. */
  | { readonly kind: "cut-reply"; readonly afterBytes: number }
  /** It is not done, and answered with 200 and an error in the body. */
  | { readonly kind: "error-body"; readonly code: string }
  /** Other bytes are stored than came. */
  | { readonly kind: "corrupt" };

/** A fault and the requests it is for. */
export interface OssFault {
  readonly operation: OssOperation;
  readonly effect: OssFaultEffect;
  /** Only for this part. */
  readonly partNumber?: number;
  /** Requests that go well before. @default 0 */
  readonly skip?: number;
  /** @default 1 */
  readonly times?: number;
}

/** The faults that are still to happen. */
export class OssFaults {
  #faults: { readonly fault: OssFault; skip: number; times: number }[] = [];

  add(fault: OssFault): void {
    this.#faults.push({ fault, skip: fault.skip ?? 0, times: fault.times ?? 1 });
  }

  clear(): void {
    this.#faults = [];
  }

  /** What is to go wrong with this request, if anything. */
  take(operation: OssOperation, partNumber: number | undefined): OssFaultEffect | undefined {
    for (const entry of this.#faults) {
      const { fault } = entry;
      if (fault.operation !== operation) continue;
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
