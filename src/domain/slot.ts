/** The name of a server's slot: `server#n`. */
export function slotName(serverId: string, index: number): string {
  return `${serverId}#${index}`;
}

/** The id of the server that a slot belongs to. */
export function serverIdOf(slot: string): string {
  const end = slot.lastIndexOf("#");
  return end < 0 ? slot : slot.slice(0, end);
}
