import type { FastifyInstance } from "fastify";
import { registerGet } from "./get-route.js";

/** A source of metrics as text. */
export interface MetricsSource {
  readonly contentType: string;
  render(): Promise<string>;
}

/** Serves `GET /metrics` for Prometheus. */
export function registerMetrics(app: FastifyInstance, metrics: MetricsSource): void {
  registerGet(app, "/metrics", async (_request, reply) => {
    const text = await metrics.render();
    return reply.type(metrics.contentType).send(text);
  });
}
