import { spawnSync } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { onTestFinished } from "vitest";

/**
 * Mounts a small disk in memory under a path until the test has finished.
 *
 * @returns false if this user may not mount a disk.
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
  // Lazily, because a process that is being ended may still have a file open.
  onTestFinished(() => void spawnSync("/bin/umount", ["-l", path]));
  return true;
}
