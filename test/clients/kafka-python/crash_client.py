"""The part of kafka-python in ../crash-suite.ts."""

import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.producer.future import RecordMetadata
from scenario import Library, Record, serve

#: Without any record in the meantime, it is not coming.
POLL_TIMEOUT_MS = 30_000
MAX_POLL_RECORDS = 10_000


class KafkaPython(Library):
    codecs = ("none", "gzip", "snappy", "lz4", "zstd")
    refuses_null_headers = True
    refuses_null_value_with_null_key = True

    def __init__(self, address: str) -> None:
        self.address = address

    def create(self, topic: str, partitions: int) -> None:
        admin = KafkaAdminClient(bootstrap_servers=self.address)
        admin.create_topics({topic: {"num_partitions": partitions, "replication_factor": 1}})
        admin.close()

    def produce(
        self, topic: str, records: Iterator[Record], codec: str, acks: str, acknowledge: Callable[[int, int | None], None]
    ) -> None:
        def on_success(index: int, metadata: RecordMetadata) -> None:
            # With acks=0 the library counts the records of each batch from 0, and calls that their offsets.
            acknowledge(index, None if acks == "0" else metadata.offset)

        def on_error(index: int, error: Exception) -> None:
            print(f"record {index}: {error!r}", file=sys.stderr)

        producer = KafkaProducer(
            bootstrap_servers=self.address,
            acks="all" if acks == "all" else int(acks),
            enable_idempotence=acks == "all",
            compression_type=None if codec == "none" else codec,
        )
        for i, record in enumerate(records):
            future = producer.send(
                topic,
                partition=record.partition,
                timestamp_ms=record.timestamp,
                key=record.key,
                value=record.value,
                headers=record.headers,
            )
            future.add_callback(partial(on_success, i))
            future.add_errback(partial(on_error, i))
        producer.flush()
        producer.close()

    def end_offsets(self, topic: str, partitions: int) -> Sequence[int]:
        consumer = KafkaConsumer(bootstrap_servers=self.address)
        ends = consumer.end_offsets([TopicPartition(topic, partition) for partition in range(partitions)])
        consumer.close()
        return [ends[TopicPartition(topic, partition)] for partition in range(partitions)]

    def read(self, topic: str, ends: Sequence[int]) -> Iterator[tuple[int, Record]]:
        consumer = KafkaConsumer(
            bootstrap_servers=self.address,
            auto_offset_reset="none",
            enable_auto_commit=False,
            check_crcs=True,
            max_poll_records=MAX_POLL_RECORDS,
        )
        partitions = [TopicPartition(topic, partition) for partition in range(len(ends))]
        consumer.assign(partitions)
        for partition in partitions:
            consumer.seek(partition, 0)
        while any(consumer.position(partition) < ends[partition.partition] for partition in partitions):
            polled = consumer.poll(POLL_TIMEOUT_MS)
            if not polled:
                raise TimeoutError(f"no more records at {[consumer.position(p) for p in partitions]} of {ends}")
            for records in polled.values():
                for record in records:
                    yield record.offset, Record(
                        record.partition, record.timestamp, record.key, record.value, list(record.headers)
                    )
        consumer.close()


serve(KafkaPython(sys.argv[1]))
