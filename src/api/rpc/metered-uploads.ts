import type { Caller } from "../../domain/caller.js";
import type { UploadBody } from "../../input/upload/uploads.js";
import type { NoteAct } from "../identity/audit-calls.js";
import { withoutUrlSecrets } from "./hide-url-secrets.js";
import type { Uploads } from "./upload-handlers.js";

/** What is told of uploads. */
export interface UploadMeter {
  readonly note: NoteAct;
  /** Is told how many bytes of a file have arrived. */
  readonly spendBytes: (caller: Caller, byteCount: number) => void;
}

/** The same use cases, of which a meter is told what arrives and what is kept. */
export function meterUploads(
  uploads: Uploads,
  meter: UploadMeter,
  caller: Caller,
  address: string,
): Uploads {
  return {
    take: async (body, options) => {
      const spend = (byteCount: number) => meter.spendBytes(caller, byteCount);
      const upload = await uploads.take(new CountedBody(body, spend), options);
      const subject = withoutUrlSecrets(upload.url);
      meter.note({ action: "upload.created", subject }, caller, address);
      return upload;
    },
  };
}

class CountedBody implements UploadBody {
  readonly #body: UploadBody;
  readonly #onBytes: (byteCount: number) => void;

  constructor(body: UploadBody, onBytes: (byteCount: number) => void) {
    this.#body = body;
    this.#onBytes = onBytes;
  }

  get fileName(): string | undefined {
    return this.#body.fileName;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for await (const bytes of this.#body) {
      this.#onBytes(bytes.length);
      yield bytes;
    }
  }
}
