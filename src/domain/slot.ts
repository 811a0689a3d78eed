/** The name of one of a server's slots, `server#n`. */
export function slotName(serverId: string, index: number): string {
  return `${serverId}#${index}`;
}

/** The server that a slot is on. */
export function serverIdOf(slot: string): string {
  const end = slot.lastIndexOf("#");
  return end < 0 ? slot : slot.slice(0, end);
}
