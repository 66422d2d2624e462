/**
 * Any request in any version of any API that is offered is answered, with an answer that can be decoded, or ends its own
 * connection; never the broker, and never another connection.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { OFFERED } from "../../src/broker/handlers.ts";
import { APIS, type Api, apiByKey } from "../../src/protocol/apis.ts";
import { decodeResponse } from "../../src/protocol/codec/frame.ts";
import type { Message } from "../../src/protocol/codec/message.ts";
import { Reader } from "../../src/protocol/codec/reader.ts";
import { arbitraryRequest, type Known } from "./arbitrary-request.ts";
import { type BrokerWorld, createTopic, fetch, produce, recordsOf, withBroker } from "./broker-simulation.ts";
import { RawClient, requestBytes } from "./raw-client.ts";

const REQUESTS_AT_ONCE = 8;
const RUNS_PER_VERSION = 3;

/** Client ids as they come, and as long as they can be. */
const CLIENT_IDS = ["client", null, "c".repeat(32_767), "", "ä".repeat(16_383)];

interface Sent {
  readonly api: Api;
  readonly version: number;
  readonly body: Message<Api["request"]>;
}

/** Two topics that requests can mean, made the same way each time: the same seed gives the same ids. */
async function prepare({ connect }: BrokerWorld): Promise<Known> {
  const client = connect();
  const topics = ["t", "compacted"];
  const topicIds = [
    await createTopic(client, "t", { partitions: 2 }),
    await createTopic(client, "compacted", { configs: { "cleanup.policy": "compact" } }),
  ];
  await produce(client, { topic: "t" }, [{ value: "v", timestamp: 2 }]);
  return { topics, topicIds };
}

function hasNoAnswer({ api, body }: Sent): boolean {
  return api.key === APIS.produce.key && (body as { readonly acks?: number }).acks === 0;
}

/** Sends all of them at once; sees that each is answered in its turn, or that the connection ends. */
async function assertAnsweredOrClosed(world: BrokerWorld, requests: readonly Sent[]): Promise<void> {
  const client = new RawClient(world.connectRaw());
  requests.forEach(({ api, version, body }, index) => {
    client.send(requestBytes(api, version, body, index, CLIENT_IDS[index % CLIENT_IDS.length]));
  });
  const expected = requests.flatMap((sent, index) => (hasNoAnswer(sent) ? [] : [index]));
  client.send(requestBytes(APIS.apiVersions, 0, {}, requests.length));
  expected.push(requests.length);
  await world.until(() => client.closed || client.frames().length === expected.length);
  for (const [place, frame] of client.frames().entries()) {
    const { api, version } = requests[expected[place]!] ?? { api: APIS.apiVersions, version: 0 };
    const { correlationId } = decodeResponse(api, version, new Reader(frame));
    assert.equal(correlationId, expected[place]);
  }
}

/** Nothing that is said of a request may be more than the protocol can carry. */
function assertNothingUnencodable(lines: readonly string[]): void {
  assert.deepEqual(
    lines.filter((line) => line.includes("cannot be answered")),
    [],
  );
}

async function assertGoesOn({ connect }: BrokerWorld): Promise<void> {
  const client = connect();
  await createTopic(client, "afterwards");
  await produce(client, { topic: "afterwards" }, [{ value: "there" }]);
  assert.deepEqual(recordsOf(await fetch(client, { topic: "afterwards" })), [[0, "there"]]);
}

let known: Known | undefined;
await withBroker(async (world) => {
  known = await prepare(world);
});

for (const { apiKey, minVersion, maxVersion } of OFFERED) {
  const api = apiByKey(apiKey)!;
  test(`any ${api.name} request`, async () => {
    for (let version = Math.max(minVersion, api.request.valid.min); version <= maxVersion; version += 1) {
      const bodies = fc.array(arbitraryRequest(api, version, known!), { minLength: 1, maxLength: REQUESTS_AT_ONCE });
      await fc.assert(
        fc.asyncProperty(bodies, async (all) => {
          await withBroker(async (world) => {
            await prepare(world);
            const requests = all.map((body): Sent => ({ api, version, body }));
            await assertAnsweredOrClosed(world, requests);
            assertNothingUnencodable(world.lines);
            await assertGoesOn(world);
          });
        }),
        { seed: version, numRuns: RUNS_PER_VERSION },
      );
    }
  });
}

test("requests of all kinds, one behind the other and damaged here and there", async () => {
  const kinds = OFFERED.flatMap(({ apiKey, minVersion, maxVersion }) => {
    const api = apiByKey(apiKey)!;
    const versions = Array.from({ length: maxVersion - minVersion + 1 }, (_, index) => minVersion + index);
    return versions.filter((version) => version >= api.request.valid.min).map((version) => ({ api, version }));
  });
  const request = fc.constantFrom(...kinds).chain(({ api, version }) => {
    return arbitraryRequest(api, version, known!).map((body) => requestBytes(api, version, body));
  });
  const damage = fc.option(fc.tuple(fc.nat(200), fc.nat(255)), { freq: 1 });
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(request, damage), { minLength: 20, maxLength: 60 }), async (frames) => {
      await withBroker(async (world) => {
        await prepare(world);
        const clients = [new RawClient(world.connectRaw())];
        for (const [bytes, change] of frames) {
          const sent = Buffer.from(bytes);
          // The size stays as it is: what a wrong one does has tests of its own.
          if (change !== null) sent[4 + (change[0] % (sent.length - 4))] = change[1];
          if (clients.at(-1)!.closed) clients.push(new RawClient(world.connectRaw()));
          clients.at(-1)!.send(sent);
          await world.pass(3);
        }
        assertNothingUnencodable(world.lines);
        await assertGoesOn(world);
      });
    }),
    { seed: 1, numRuns: 25 },
  );
});
