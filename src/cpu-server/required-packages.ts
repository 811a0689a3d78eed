import { createRequire } from "node:module";

/**
 * The packages among `names` that are not installed. An image that only uses GPU servers may leave
 * out the CPU server's packages, so they are checked before an import needs them.
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
