import { TaskError } from "../../../domain/errors.js";

/** Where a stream of many tasks goes on. */
export interface WatchCursor {
  /** Of the store: changes after it are still to be told. */
  readonly position: string;
  /** Where it was in what is there, unless it was through with it. */
  readonly presented?: Presented;
}

/** Up to where a stream has told what is there. */
export interface Presented {
  /** Of the statuses that it shows one after the other. */
  readonly statusIndex: number;
  /** Tasks with ids below it are still to be told. */
  readonly belowId: string;
}

/** How much of the store's id a cursor carries: enough to tell those of another store. */
const STORE_LENGTH = 8;
const FORM = /^([0-9a-f]{8})-(\d{1,15})(?:-(\d)-([0-9a-f]{32}))?$/;

/** The text of a cursor: clients send it back and read nothing in it. */
export function writeCursor(storeId: string, { position, presented }: WatchCursor): string {
  const parts = [storeId.slice(0, STORE_LENGTH), position];
  if (presented) parts.push(String(presented.statusIndex), presented.belowId);
  return parts.join("-");
}

/** @throws TaskError CURSOR_EXPIRED for a text that is no cursor of this store. */
export function readCursor(storeId: string, text: string): WatchCursor {
  const [, store, position, statusIndex, belowId] = FORM.exec(text) ?? [];
  if (position === undefined || store !== storeId.slice(0, STORE_LENGTH))
    throw new TaskError("CURSOR_EXPIRED", "Cannot go on from the cursor: it is not of this store");
  if (statusIndex === undefined || belowId === undefined) return { position };
  return { position, presented: { statusIndex: Number(statusIndex), belowId } };
}
