import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

/**
 * The path of a file of this package. It is the same from the sources and from the build, whose files
 * lie at other depths.
 *
 * @param path relative to the package's directory.
 */
export function packagePath(path: string): string {
  let directory = import.meta.dirname;
  while (!existsSync(join(directory, "package.json")) && directory !== dirname(directory))
    directory = dirname(directory);
  return join(directory, path);
}
