/**
 * The `code` of an error of Node.js or a library, such as `ENOENT`. Empty if the error has no code.
 */
export function errorCode(thrown: unknown): string {
  return thrown instanceof Error && "code" in thrown ? String(thrown.code) : "";
}
