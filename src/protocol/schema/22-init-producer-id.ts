/**
 * Gives an idempotent producer its id and epoch; for a transactional one, fences its predecessors.
 *
 * Versions: 2 flexible · 3 an existing id and epoch, to go on after an error (KIP-360) · 4 may answer PRODUCER_FENCED ·
 * 6 two-phase commit (KIP-939), which Kafka does not offer yet.
 */
import type { Message } from "../codec/message.ts";
import { bool, defineMessage, int16, int32, int64, string } from "../codec/schema.ts";

export const initProducerIdRequest = defineMessage({
  name: "InitProducerIdRequest",
  apiKey: 22,
  valid: "0-6",
  flexible: "2+",
  fields: {
    transactionalId: string({ nullable: "0+" }),
    transactionTimeoutMs: int32(),
    producerId: int64({ versions: "3+", default: -1 }),
    producerEpoch: int16({ versions: "3+", default: -1 }),
    enable2Pc: bool({ versions: "6+" }),
    keepPreparedTxn: bool({ versions: "6+" }),
  },
});
export type InitProducerIdRequest = Message<typeof initProducerIdRequest>;

export const initProducerIdResponse = defineMessage({
  name: "InitProducerIdResponse",
  apiKey: 22,
  valid: "0-6",
  flexible: "2+",
  fields: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    producerId: int64({ default: -1 }),
    producerEpoch: int16(),
    ongoingTxnProducerId: int64({ versions: "6+", default: -1 }),
    ongoingTxnProducerEpoch: int16({ versions: "6+", default: -1 }),
  },
});
export type InitProducerIdResponse = Message<typeof initProducerIdResponse>;
