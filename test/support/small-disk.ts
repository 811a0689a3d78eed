import { spawnSync } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { onTestFinished } from "vitest";

/**
 * Puts a disk of its own under a path, in memory, until the test has finished.
 *
 * @returns false where this user may not mount one.
 */
export async function mountDisk(path: string, sizeMb: number): Promise<boolean> {
  await mkdir(path, { recursive: true });
  const { status } = spawnSync("/bin/mount", [
    "-t",
    "tmpfs",
    "-o",
    `size=${sizeMb}m`,
    "tmpfs",
    path,
  ]);
  if (status !== 0) return false;
  // Lazily: a process that is being ended may still have a file open.
  onTestFinished(() => void spawnSync("/bin/umount", ["-l", path]));
  return true;
}
