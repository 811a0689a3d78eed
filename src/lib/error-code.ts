/** The `code` of an error of Node or of a library, such as `ENOENT`; empty where there is none. */
export function errorCode(thrown: unknown): string {
  return thrown instanceof Error && "code" in thrown ? String(thrown.code) : "";
}
