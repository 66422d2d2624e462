"""The part of aiokafka in ../crash-suite.ts."""

import asyncio
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from scenario import Library, Record, serve

#: Without any record in the meantime, it is not coming.
POLL_TIMEOUT_MS = 30_000


class AioKafka(Library):
    codecs = ("none", "gzip", "snappy", "lz4", "zstd")
    refuses_null_value_with_null_key = True

    def __init__(self, address: str, runner: asyncio.Runner) -> None:
        self.address = address
        self.runner = runner

    def create(self, topic: str, partitions: int) -> None:
        async def create() -> None:
            admin = AIOKafkaAdminClient(bootstrap_servers=self.address)
            await admin.start()
            try:
                await admin.create_topics([NewTopic(topic, num_partitions=partitions, replication_factor=1)])
            finally:
                await admin.close()

        self.runner.run(create())

    def produce(
        self, topic: str, records: Iterator[Record], codec: str, acks: str, acknowledge: Callable[[int, int | None], None]
    ) -> None:
        def on_done(index: int, future: asyncio.Future) -> None:
            if future.exception() is not None:
                print(f"record {index}: {future.exception()!r}", file=sys.stderr)
                return
            metadata = future.result()
            acknowledge(index, None if metadata is None else metadata.offset)  # none of acks=0

        async def produce() -> None:
            producer = AIOKafkaProducer(
                bootstrap_servers=self.address,
                acks="all" if acks == "all" else int(acks),
                enable_idempotence=acks == "all",
                compression_type=None if codec == "none" else codec,
            )
            await producer.start()
            for i, record in enumerate(records):
                future = await producer.send(
                    topic,
                    partition=record.partition,
                    timestamp_ms=record.timestamp,
                    key=record.key,
                    value=record.value,
                    headers=record.headers,
                )
                future.add_done_callback(partial(on_done, i))
            await producer.flush()
            await producer.stop()

        self.runner.run(produce())

    def end_offsets(self, topic: str, partitions: int) -> Sequence[int]:
        async def end_offsets() -> Sequence[int]:
            async with AIOKafkaConsumer(bootstrap_servers=self.address) as consumer:
                ends = await consumer.end_offsets([TopicPartition(topic, partition) for partition in range(partitions)])
            return [ends[TopicPartition(topic, partition)] for partition in range(partitions)]

        return self.runner.run(end_offsets())

    def read(self, topic: str, ends: Sequence[int]) -> Iterator[tuple[int, Record]]:
        partitions = [TopicPartition(topic, partition) for partition in range(len(ends))]

        async def start() -> AIOKafkaConsumer:
            consumer = AIOKafkaConsumer(
                bootstrap_servers=self.address,
                auto_offset_reset="none",
                enable_auto_commit=False,
                check_crcs=True,
            )
            await consumer.start()
            consumer.assign(partitions)
            for partition in partitions:
                consumer.seek(partition, 0)
            return consumer

        async def positions() -> Sequence[int]:
            return [await consumer.position(partition) for partition in partitions]

        consumer = self.runner.run(start())
        while any(position < end for position, end in zip(self.runner.run(positions()), ends)):
            polled = self.runner.run(consumer.getmany(timeout_ms=POLL_TIMEOUT_MS))
            if not polled:
                raise TimeoutError(f"no more records at {self.runner.run(positions())} of {ends}")
            for records in polled.values():
                for record in records:
                    yield record.offset, Record(
                        record.partition, record.timestamp, record.key, record.value, list(record.headers)
                    )
        self.runner.run(consumer.stop())


with asyncio.Runner() as runner:
    serve(AioKafka(sys.argv[1], runner))
