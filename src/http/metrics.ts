/** `GET /metrics` for Prometheus, on a listener that only this machine can reach. */
import type { FastifyInstance } from 'fastify';
import type { Metrics } from '../metrics.ts';

export interface MetricsParts {
  readonly metrics: Metrics;
  /** Sets the levels just before they are read. */
  readonly refresh?: () => Promise<void>;
}

export function metricsRoutes(app: FastifyInstance, { metrics, refresh }: MetricsParts): void {
  app.get('/metrics', async (_request, reply) => {
    await refresh?.();
    const { contentType, text } = await metrics.page();
    return reply.header('content-type', contentType).send(text);
  });
}
