import { stat } from "node:fs/promises";

/** Whether there is a file or directory at a path that can be seen. */
export async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
