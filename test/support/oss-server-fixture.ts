import { createHash, randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { createLogger } from "../../src/lib/logger.js";
import type { ObjectStorage, StoredFile } from "../../src/storage/object-storage.js";
import type { OssOptions } from "../../src/storage/oss/options.js";
import { createOssStorage, type OssStorageContext } from "../../src/storage/oss/oss-storage.js";
import {
  ACCESS_KEY_ID,
  ACCESS_KEY_SECRET,
  BUCKET,
  OssServer,
  type OssServerOptions,
  REGION,
} from "./oss-server.js";
import { tempDir } from "./temp-dir.js";

/** The smallest parts that OSS accepts. */
export const PART_BYTES = 100 * 1024;

/** Starts the stand-in for the running test. */
export async function startOss(options?: OssServerOptions): Promise<OssServer> {
  const server = await OssServer.start(options);
  onTestFinished(() => server[Symbol.asyncDispose]());
  return server;
}

/** The settings that fit the stand-in. */
export function ossOptions({ endpoint }: OssServer): OssOptions {
  return {
    ...{ endpoint, region: REGION, bucket: BUCKET, internal: false, cname: false },
    ...{ accessKeyId: ACCESS_KEY_ID, accessKeySecret: ACCESS_KEY_SECRET },
  };
}

/** The same settings as the environment of an app. */
export function ossEnv({ endpoint }: OssServer): Readonly<Record<string, string>> {
  return {
    OSS_ENDPOINT: endpoint,
    OSS_REGION: REGION,
    OSS_BUCKET: BUCKET,
    OSS_ACCESS_KEY_ID: ACCESS_KEY_ID,
    OSS_ACCESS_KEY_SECRET: ACCESS_KEY_SECRET,
  };
}

/** The adapter on the stand-in, with small parts and short pauses. */
export function openOss(
  server: OssServer,
  options: Partial<OssOptions> = {},
  context: Partial<OssStorageContext> = {},
): ObjectStorage {
  const storage = createOssStorage(
    { ...ossOptions(server), ...options },
    {
      logger: createLogger("silent"),
      limits: { partSizeBytes: PART_BYTES, retry: { tries: 4, baseMs: 5, capMs: 20 } },
      ...context,
    },
  );
  onTestFinished(() => storage[Symbol.asyncDispose]());
  return storage;
}

/** A file with random content for the running test. */
export async function randomFile(
  sizeBytes: number,
  key = "outputs/0123456789abcdef/result.png",
): Promise<StoredFile & { readonly md5: string }> {
  const path = join(await tempDir(), "result");
  const content = randomBytes(sizeBytes);
  await writeFile(path, content);
  return { path, key, sizeBytes, mediaType: "image/png", md5: md5(content) };
}

export function md5(content: Buffer): string {
  return createHash("md5").update(content).digest("hex");
}

/** A signal that is never aborted. */
export function calm(): AbortSignal {
  return new AbortController().signal;
}
