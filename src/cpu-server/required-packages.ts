import { createRequire } from "node:module";

/**
 * The packages among `names` that are not installed. An image that only ever talks to GPU servers may
 * leave the CPU server's packages out, so they are looked for before anything imports them.
 */
export function missingPackages(names: readonly string[]): readonly string[] {
  const require = createRequire(import.meta.url);
  return names.filter((name) => {
    try {
      require.resolve(name);
      return false;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === "MODULE_NOT_FOUND";
    }
  });
}
