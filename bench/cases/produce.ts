/** Producing as fast as it goes. */

import { producerPerformance } from "../tools/kafka.ts";
import { librdkafkaProduce } from "../tools/librdkafka.ts";
import { driverProduce } from "../tools/load-driver.ts";
import { type BenchCase, type Load, measured, prepare } from "./case.ts";

/** As fast as Kafka's own producer goes, with its defaults. */
export function producerCase(load: Load): BenchCase {
  return {
    ...load,
    method: `ProducerPerformance with acks=all, ${load.recordSizeBytes} B records, ${load.partitions} partitions`,
    cold: false,
    run: async (broker, scale) => {
      const topicLoad = await prepare(broker, load, scale);
      return measured(broker, () => producerPerformance(broker, topicLoad, []));
    },
  };
}

export function librdkafkaCase(load: Load): BenchCase {
  return {
    ...load,
    method:
      `librdkafka with acks=all and its defaults, ${load.recordSizeBytes} B records, ${load.partitions} partitions; ` +
      "latency from handing a record over to its delivery report, with up to 100,000 records waiting",
    cold: false,
    run: async (broker, scale) => {
      const topicLoad = await prepare(broker, load, scale);
      return measured(broker, () => librdkafkaProduce(broker, topicLoad));
    },
  };
}

export function driverCase(load: Load, batchSizeBytes: number): BenchCase {
  // A producer sends what is ready in one request: of few partitions one batch, of many a lot.
  const partitionsPerRequest = load.partitions > 100 ? 20 : 1;
  return {
    ...load,
    method:
      `load driver with acks=all, ${load.recordSizeBytes} B records, batches of ${batchSizeBytes / 1024} KiB, ` +
      `${load.partitions} partitions, ${partitionsPerRequest} in a request, 3 connections × 5 requests in flight`,
    cold: false,
    run: async (broker, scale) => {
      const topicLoad = await prepare(broker, load, scale);
      return measured(broker, () => driverProduce(broker, topicLoad, { batchSizeBytes, partitionsPerRequest }));
    },
  };
}
