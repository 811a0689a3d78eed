import { unlink } from "node:fs/promises";
import { errorCode } from "./error-code.js";

/** Removes a file that may not be there, in one system call: `rm` asks first what it is. */
export async function removeFile(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
  }
}
