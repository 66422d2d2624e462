/**
 * ApiVersions 0-4: what this broker offers. From 3 on with the finalized features, which tell clients what they may use.
 *
 * Version 4 may list features whose lowest version is 0, version 3 may not (KIP-1022).
 */
import type { APIS } from "../../protocol/apis.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Exchange } from "../exchange.ts";
import { OFFERED } from "../handlers.ts";

/** What `metadata.version` stands for in Kafka 4.2: clients read from it what a cluster can do. */
const METADATA_VERSION = 29;
const OLDEST_METADATA_VERSION = 7;
/** Consumer groups (KIP-848) are there. */
const GROUP_VERSION = 1;
const ZERO_VERSIONS_SINCE = 4;

/** KIP-511: what a client may call itself. */
const SOFTWARE = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/;

export function handleApiVersions(exchange: Exchange<(typeof APIS)["apiVersions"]>): void {
  const { request, version } = exchange;
  const named = SOFTWARE.test(request.clientSoftwareName) && SOFTWARE.test(request.clientSoftwareVersion);
  if (version >= 3 && !named) return exchange.answer({ errorCode: ErrorCode.INVALID_REQUEST });
  exchange.answer({
    apiKeys: OFFERED,
    supportedFeatures: [
      ...(version < ZERO_VERSIONS_SINCE ? [] : [{ name: "group.version", minVersion: 0, maxVersion: GROUP_VERSION }]),
      { name: "metadata.version", minVersion: OLDEST_METADATA_VERSION, maxVersion: METADATA_VERSION },
    ],
    finalizedFeaturesEpoch: exchange.broker.store.state.starts,
    finalizedFeatures: [
      { name: "group.version", minVersionLevel: GROUP_VERSION, maxVersionLevel: GROUP_VERSION },
      { name: "metadata.version", minVersionLevel: METADATA_VERSION, maxVersionLevel: METADATA_VERSION },
    ],
  });
}
