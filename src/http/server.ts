/** The HTTP port: whether the process lives (`/healthz`) and whether it takes requests (`/readyz`). */
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { Hono } from "hono";

export interface HttpOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Whether clients should be sent here. */
  readonly ready: () => boolean;
}

/** Serves; resolves to where. Rejects when the address cannot be used. */
export function serveHttp(options: HttpOptions): Promise<{ host: string; port: number }> {
  const app = new Hono();
  app.get("/healthz", (context) => context.json({ status: "ok" }));
  app.get("/readyz", (context) =>
    options.ready() ? context.json({ status: "ready" }) : context.json({ status: "stopping" }, 503),
  );
  const server = createAdaptorServer({ fetch: app.fetch });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, () => {
      const { address, port } = server.address() as AddressInfo;
      server.unref();
      resolve({ host: address, port });
    });
  });
}
