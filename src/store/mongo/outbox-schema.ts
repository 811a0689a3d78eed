import type { IndexDescription } from "mongodb";

/** The indexes of `webhook_outbox` by the names under which queries ask for them. */
export const OUTBOX_INDEX = {
  /** What is due for each receiver. */
  due: "due",
  /** What was not told for long. */
  expires: "expires",
} as const;

export const OUTBOX_INDEXES: readonly IndexDescription[] = [
  {
    name: OUTBOX_INDEX.due,
    key: { receiver: 1, dueAt: 1 },
    partialFilterExpression: { receiver: { $exists: true } },
  },
  {
    name: OUTBOX_INDEX.expires,
    key: { expiresAt: 1 },
    partialFilterExpression: { expiresAt: { $exists: true } },
  },
];
