/**
 * InitProducerId 0-6: a producer id for an idempotent producer (KIP-98).
 *
 * Ids are reserved from the log a block at a time, so that none is given out twice and most requests need no append.
 * Transactional producers are refused until there are transactions. As in Kafka an idempotent producer that brings an id
 * and epoch of its own (KIP-360) gets a fresh id: only transactional ones keep theirs.
 */
import type { APIS } from "../../protocol/apis.ts";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Exchange } from "../exchange.ts";

export function handleInitProducerId(exchange: Exchange<(typeof APIS)["initProducerId"]>): void {
  const { broker, request } = exchange;
  if (request.transactionalId !== null) {
    const errorCode = request.transactionalId === "" ? ErrorCode.INVALID_REQUEST : ErrorCode.UNSUPPORTED_VERSION;
    return exchange.answer({ errorCode, producerEpoch: -1 });
  }
  const producerId = broker.producerIds.next();
  exchange.answer({ producerId, producerEpoch: 0 });
}
