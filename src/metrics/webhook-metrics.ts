import { Gauge, Histogram, type Registry } from "prom-client";
import type { WebhookOutbox } from "../store/webhook-outbox.js";

/** A call of a receiver, as far as it is counted. */
export interface WebhookCall {
  /** Absent: there was no answer. */
  readonly status?: number;
  readonly durationMs: number;
}

/** Adds the metrics of webhooks. @returns what is to be told of each call. */
export function createWebhookMetrics(
  registry: Registry,
  outbox: Pick<WebhookOutbox, "waiting">,
): (call: WebhookCall, isTaken: boolean) => void {
  const registers = [registry];
  new Gauge({
    registers,
    name: "tmlsr_webhook_waiting_tasks",
    help: "Tasks with events that their webhook was not told yet, of all processes",
    async collect() {
      this.set((await outbox.waiting()).taskCount);
    },
  });
  const calls = new Histogram({
    registers,
    name: "tmlsr_webhook_call_seconds",
    help: "Calls of webhooks by what they came to: delivered, refused, or unanswered",
    labelNames: ["outcome"],
    buckets: [0.01, 0.05, 0.1, 0.5, 1, 5, 10],
  });
  return ({ status, durationMs }, isTaken) => {
    const outcome = isTaken ? "delivered" : status === undefined ? "unanswered" : "refused";
    calls.observe({ outcome }, durationMs / 1000);
  };
}
