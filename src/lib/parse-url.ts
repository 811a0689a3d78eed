/** The URL that a text is, or undefined. It parses once, where `URL.canParse` and `new URL` parse twice. */
export function parseUrl(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}
