import type { Dirent } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { callHttp, type HttpAnswer, type HttpCallOptions } from "./http-call.js";

/** The answer of `POST /uploads`. */
export const TAKEN = {
  url: /^upload:\/\/[0-9a-f]{32}\/[^/]+$/,
  time: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/,
} as const;

/** Sends a file with its length to `POST /uploads`. */
export async function postUpload(
  url: string,
  body: Buffer,
  headers: HttpCallOptions["headers"] = {},
  query = "",
): Promise<HttpAnswer> {
  return await callHttp(url, "POST", `/uploads${query}`, { body, headers });
}

/** All files of uploads that an app has on its disk, complete or still being received. */
export async function uploadFiles(dataDir: string): Promise<string[]> {
  const found = await Promise.all(["uploads", "work"].map((name) => below(join(dataDir, name))));
  return found.flat();
}

async function below(directory: string): Promise<string[]> {
  const entries: Dirent[] = await readdir(directory, {
    recursive: true,
    withFileTypes: true,
  }).catch(() => []);
  return entries.filter((each) => each.isFile()).map((each) => join(each.parentPath, each.name));
}
