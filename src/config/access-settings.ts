import { z } from "zod";
import { aboveZero, list, positive, setting } from "./setting.js";

/** What can be opened to callers without a key. */
const PARTS = ["docs", "page", "metrics"] as const;
type Part = (typeof PARTS)[number];

/** Settings of access by keys. */
export const ACCESS_SETTINGS = {
  auth: setting({
    env: "TMLSR_AUTH",
    key: "auth.mode",
    schema: z.enum(["off", "keys"]),
    fallback: "off" as const,
    text: "`keys`: every request needs a key. At a start without one, the first is written into the file `first-admin-key` of the data directory.",
  }),
  authOpen: setting<readonly Part[]>({
    env: "TMLSR_AUTH_OPEN",
    key: "auth.open",
    schema: list.pipe(z.array(z.enum(PARTS))),
    fallback: ["docs", "page"],
    text: "What needs no key, of `docs` (`/docs`, `/openapi.json`, reflection), `page` (the files of `/dashboard`) and `metrics`. None of them holds data of tasks but the last, which counts them.",
  }),
  authTries: setting({
    env: "TMLSR_AUTH_TRIES",
    key: "auth.tries",
    schema: positive,
    fallback: 20,
    text: "Requests with a bad key that one address may send in a minute; further ones get 429. Good keys are never kept out.",
  }),
  requestsPerMinute: setting({
    env: "TMLSR_REQUESTS_PER_MINUTE",
    key: "auth.requests_per_minute",
    schema: positive.optional(),
    fallback: undefined,
    fallbackText: "no limit",
    text: "Requests that one key may send in a minute, to all replicas together; so many at once, too. Further ones get 429.",
  }),
  uploadBytesPerMinute: setting({
    env: "TMLSR_UPLOAD_BYTES_PER_MINUTE",
    key: "auth.upload_bytes_per_minute",
    schema: positive.optional(),
    fallback: undefined,
    fallbackText: "no limit",
    text: "Bytes that one key may upload in a minute, to all replicas together. An upload that has begun is never cut: what is above is owed, and the next one gets 429 until then.",
  }),
  auditDays: setting({
    env: "TMLSR_AUDIT_DAYS",
    key: "auth.audit_days",
    schema: aboveZero,
    fallback: 90,
    text: "Days for which it is kept who did what under a key (`GET /audit`).",
  }),
} as const;
