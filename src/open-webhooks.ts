import { webhookBody } from "./api/http/webhook-body.js";
import type { Config, WebhookConfig } from "./config/config.js";
import type { DisposalStack } from "./lib/disposal-stack.js";
import type { Logger } from "./lib/logger.js";
import type { Metrics } from "./metrics/metrics.js";
import { createAddressGuard } from "./net/address-guard.js";
import type { WebhookRules } from "./service/choose-webhook.js";
import { type TaskView, type ViewOptions, viewTask } from "./service/task-view.js";
import { hideInView } from "./service/without-servers.js";
import type { WebhookOutbox } from "./store/webhook-outbox.js";
import { WebhookSender } from "./webhook/sender.js";

/** A part of `app.ts`: which webhooks a request may have. */
export function webhookRules({ secrets, fallback, allow }: WebhookConfig): WebhookRules {
  const guard = createAddressGuard({ allow });
  return { areSigned: secrets.length > 0, guard, ...(fallback && { fallback }) };
}

/** What webhooks are told with. */
export interface WebhookParts extends ViewOptions {
  readonly store: { readonly outbox: WebhookOutbox };
  readonly webhooks: WebhookRules;
  /** Clients need keys. @default false */
  readonly isByKeys?: boolean;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** A part of `app.ts`: tells webhooks what happens, if there is a secret to sign it with. */
export function openWebhooks(
  { webhooks: { secrets }, input: { userAgent } }: Pick<Config, "webhooks" | "input">,
  parts: WebhookParts,
  opened: DisposalStack,
): void {
  const { metrics } = parts;
  const { outbox } = parts.store;
  const { guard } = parts.webhooks;
  if (secrets.length === 0) return;
  // Whoever may not know the servers can name a receiver all the same.
  const shown = parts.isByKeys ? hideInView : (view: TaskView) => view;
  const logger = parts.logger.child({ part: "webhooks" });
  opened.use(
    new WebhookSender({
      ...{ outbox, guard, secrets, userAgent, logger },
      // Written anew for each try: a signed URL of a result holds for a time only.
      write: async (delivery) => webhookBody(delivery, shown(await viewTask(delivery.task, parts))),
      onCall: metrics.observeWebhooks(outbox),
    }),
  );
}
