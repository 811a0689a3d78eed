/**
 * What a node does that lives in the browser alone, so that no server has its class: it passes a link on, gives a link a
 * name (`set`) that others begin at (`get`), has a value, explains, or switches other nodes on and off.
 */
type BrowserKind = "reroute" | "set" | "get" | "value" | "note" | "switch";

/** The editor's own, and those of the packs KJNodes, Easy-Use and rgthree. */
const KINDS: ReadonlyMap<string, BrowserKind> = new Map([
  ["PrimitiveNode", "value"],
  ["Reroute", "reroute"],
  ["Reroute (rgthree)", "reroute"],
  ["SetNode", "set"],
  ["GetNode", "get"],
  ["easy setNode", "set"],
  ["easy getNode", "get"],
  ["Note", "note"],
  ["MarkdownNote", "note"],
  ["Label (rgthree)", "note"],
  ["Bookmark (rgthree)", "note"],
  ["Fast Actions Button (rgthree)", "switch"],
  ["Fast Bypasser (rgthree)", "switch"],
  ["Fast Groups Bypasser (rgthree)", "switch"],
  ["Fast Groups Muter (rgthree)", "switch"],
  ["Fast Muter (rgthree)", "switch"],
  ["Mute / Bypass Relay (rgthree)", "switch"],
  ["Mute / Bypass Repeater (rgthree)", "switch"],
  ["Node Collector (rgthree)", "switch"],
  ["Node Combiner (rgthree)", "switch"],
  ["Random Unmuter (rgthree)", "switch"],
]);

/** Undefined for a node whose class a server may have. */
export function browserKind(type: string): BrowserKind | undefined {
  return KINDS.get(type);
}

/** The type of the Sets whose links a Get of this type begins: both are of one pack. */
export function setTypeOf(getType: string): string | undefined {
  return SETS.get(getType);
}

const SETS: ReadonlyMap<string, string> = new Map([
  ["GetNode", "SetNode"],
  ["easy getNode", "easy setNode"],
]);

/**
 * Whether a node gives what it gets to others without a line (cg-use-everywhere). Its class is on servers, the links are
 * made in the browser, and are in the file where that was saved with them.
 */
export function isEverywhere(type: string): boolean {
  return /\bEverywhere[3?]?$/.test(type);
}
