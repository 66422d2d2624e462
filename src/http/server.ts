/**
 * The HTTP port: whether the process lives (`/healthz`), whether it takes requests (`/readyz`), and its metrics in
 * Prometheus's text format (`/metrics`). None of them waits for the log: they answer while it is held up.
 */
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { Hono } from "hono";
import type { Scrape } from "./metrics/metric.ts";
import { CONTENT_TYPE, metricsText } from "./metrics/text.ts";

export interface HttpRoutes {
  /** Whether clients should be sent here. */
  readonly ready: () => boolean;
  /** What metrics are read from, as it is now. */
  readonly scrape: () => Scrape;
  readonly log: (line: string) => void;
}

export interface HttpOptions extends HttpRoutes {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
}

/** What is answered. A request that fails is logged, and is the failure of nobody else. */
export function httpRoutes({ ready, scrape, log }: HttpRoutes): Hono {
  const app = new Hono();
  app.get("/healthz", (context) => context.json({ status: "ok" }));
  app.get("/readyz", (context) =>
    ready() ? context.json({ status: "ready" }) : context.json({ status: "stopping" }, 503),
  );
  app.get("/metrics", async (context) => {
    return context.body(await metricsText(scrape()), 200, { "content-type": CONTENT_TYPE });
  });
  app.onError((error, context) => {
    log(`error: GET ${context.req.path} failed: ${error.message}`);
    return context.text("the request failed; the broker's output says why\n", 500);
  });
  return app;
}

/** Serves; resolves to where. Rejects when the address cannot be used. */
export function serveHttp(options: HttpOptions): Promise<{ host: string; port: number }> {
  const server = createAdaptorServer({ fetch: httpRoutes(options).fetch });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, () => {
      const { address, port } = server.address() as AddressInfo;
      server.unref();
      resolve({ host: address, port });
    });
  });
}
