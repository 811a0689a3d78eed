/** The last part of a URL's path. */
export function nameOfUrl(url: string): string {
  if (!URL.canParse(url)) return url;
  const { pathname, host } = new URL(url);
  const last = pathname.split("/").filter(Boolean).at(-1);
  return last === undefined ? host : decode(last);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // An escape that is none: shown as it is.
    return text;
  }
}
