/**
 * The first request of a connection: which APIs and versions the broker speaks, and which features it has.
 *
 * A broker that does not know the version asked for answers in version 0 with error 35. The header of the answer is
 * never flexible, so that any client can read it. Versions: 1 throttle time · 3 flexible, client name and version
 * (KIP-511), features (KIP-584) · 4 features whose least version is 0.
 */
import type { Message } from "../codec/message.ts";
import { array, bool, defineMessage, int16, int32, offset64, string } from "../codec/schema.ts";

export const apiVersionsRequest = defineMessage({
  name: "ApiVersionsRequest",
  apiKey: 18,
  valid: "0-4",
  flexible: "3+",
  fields: {
    clientSoftwareName: string({ versions: "3+", ignorable: true }),
    clientSoftwareVersion: string({ versions: "3+", ignorable: true }),
  },
});
export type ApiVersionsRequest = Message<typeof apiVersionsRequest>;

export const apiVersionsResponse = defineMessage({
  name: "ApiVersionsResponse",
  apiKey: 18,
  valid: "0-4",
  flexible: "3+",
  fields: {
    errorCode: int16(),
    apiKeys: array()({
      apiKey: int16(),
      minVersion: int16(),
      maxVersion: int16(),
    }),
    throttleTimeMs: int32({ versions: "1+", ignorable: true }),
    supportedFeatures: array({ versions: "3+", tag: 0, ignorable: true })({
      name: string(),
      minVersion: int16(),
      maxVersion: int16(),
    }),
    finalizedFeaturesEpoch: offset64({ versions: "3+", tag: 1, default: -1, ignorable: true }),
    finalizedFeatures: array({ versions: "3+", tag: 2, ignorable: true })({
      name: string(),
      maxVersionLevel: int16(),
      minVersionLevel: int16(),
    }),
    zkMigrationReady: bool({ versions: "3+", tag: 3, ignorable: true }),
  },
});
export type ApiVersionsResponse = Message<typeof apiVersionsResponse>;
