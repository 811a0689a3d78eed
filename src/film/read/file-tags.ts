const CONTAINER_TAGS = ["major_brand", "minor_version", "compatible_brands", "encoder", "ENCODER"];

/** What a film says of itself, without what a container writes of its own accord. */
export function fileTags(tags: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(tags).filter(([name]) => !CONTAINER_TAGS.includes(name)),
  );
}
