import { z } from "zod";
import { list, setting } from "./setting.js";

/** As {@link TASK_EVENTS} of the domain, which the configuration does not know. */
const EVENTS = ["task.processing", "task.completed", "task.failed", "task.canceled"] as const;
/** 24 to 64 bytes, as Standard Webhooks has it. */
const SECRET = /^whsec_(?:[A-Za-z0-9+/]{4}){8,21}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Settings of webhooks. */
export const WEBHOOK_SETTINGS = {
  webhookSecrets: setting({
    env: "TMLSR_WEBHOOK_SECRETS",
    key: "webhooks.secrets",
    schema: list.refine(
      (secrets) => secrets.every((secret) => SECRET.test(secret)),
      "must each be whsec_ and 24 to 64 bytes in base64",
    ),
    fallback: [],
    fallbackText: "none (no webhooks)",
    text: "Secrets that webhooks are signed with, each `whsec_` and 24 to 64 random bytes in base64 (`echo whsec_$(openssl rand -base64 32)`). With several, each call carries a signature by each, so that receivers can change from one to the next.",
    secret: true,
  }),
  webhookUrl: setting({
    env: "TMLSR_WEBHOOK_URL",
    key: "webhooks.url",
    schema: z.url({ protocol: /^https?$/, error: "must be an http or https URL" }).optional(),
    fallback: undefined,
    fallbackText: "none",
    text: "Who is told of the events of tasks whose request names no webhook. Never shown to clients.",
    secret: true,
  }),
  webhookEvents: setting({
    env: "TMLSR_WEBHOOK_EVENTS",
    key: "webhooks.events",
    schema: list.pipe(z.array(z.enum(EVENTS)).min(1, "must name an event")),
    fallback: ["task.completed" as const, "task.failed" as const, "task.canceled" as const],
    fallbackText: "`task.completed`, `task.failed`, `task.canceled`",
    text: "The events that `webhooks.url` is told of; also `task.processing`.",
  }),
  webhookAllow: setting({
    env: "TMLSR_WEBHOOK_ALLOW_PRIVATE",
    key: "webhooks.allow_private",
    schema: list,
    fallback: [],
    fallbackText: "none",
    text: "Addresses, CIDR ranges and host names that webhooks may lead to although they are not public. Apart from those that inputs may come from.",
  }),
} as const;
