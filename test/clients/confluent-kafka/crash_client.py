"""The part of confluent-kafka in ../crash-suite.ts."""

import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from scenario import Library, Record, serve

#: Waited for in full whenever there are fewer messages than asked for.
CONSUME_TIMEOUT_S = 0.02
#: Only an empty answer says that a partition ends.
FETCH_WAIT_MS = 20


class ConfluentKafka(Library):
    codecs = ("none", "gzip", "snappy", "lz4", "zstd")

    def __init__(self, address: str) -> None:
        self.servers = {"bootstrap.servers": address}

    def create(self, topic: str, partitions: int) -> None:
        admin = AdminClient(self.servers)
        admin.create_topics([NewTopic(topic, num_partitions=partitions, replication_factor=1)])[topic].result()

    def produce(
        self, topic: str, records: Iterator[Record], codec: str, acks: str, acknowledge: Callable[[int, int | None], None]
    ) -> None:
        # Not by its timestamp: a report may carry another, since Apache Kafka answers a retry with its batch's largest one.
        def on_delivery(index: int, error: object, message: Message) -> None:
            if error is None:
                acknowledge(index, message.offset())
            else:
                print(f"record {index}: {error}", file=sys.stderr)

        producer = Producer(
            {**self.servers, "acks": acks, "enable.idempotence": acks == "all", "compression.type": codec}
        )
        for i, record in enumerate(records):
            while True:
                try:
                    producer.produce(topic, **record._asdict(), on_delivery=partial(on_delivery, i))
                    break
                except BufferError:  # the queue is full: wait for acknowledgements
                    producer.poll(0.1)
            if i % 1000 == 0:
                producer.poll(0)
        producer.flush()

    def end_offsets(self, topic: str, partitions: int) -> Sequence[int]:
        consumer = self.consumer()
        ends = [consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=30)[1] for p in range(partitions)]
        consumer.close()
        return ends

    def read(self, topic: str, ends: Sequence[int]) -> Iterator[tuple[int, Record]]:
        consumer = self.consumer()
        unread = set(range(len(ends)))
        consumer.assign([TopicPartition(topic, partition, 0) for partition in unread])
        while unread:
            for message in consumer.consume(num_messages=10_000, timeout=CONSUME_TIMEOUT_S):
                error = message.error()
                if error is None:
                    yield message.offset(), Record(
                        message.partition(),
                        message.timestamp()[1],
                        message.key(),
                        message.value(),
                        message.headers() or [],
                    )
                elif error.code() == KafkaError._PARTITION_EOF:
                    if message.offset() >= ends[message.partition()]:
                        unread.discard(message.partition())
                elif error.fatal() or error.code() > 0:
                    raise KafkaException(error)
                # any other concerns the connection: the library goes on by itself
        consumer.close()

    def consumer(self) -> Consumer:
        return Consumer(
            {
                **self.servers,
                "group.id": "unused",  # the library asks for a name; nothing is committed
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "enable.partition.eof": True,
                "fetch.wait.max.ms": FETCH_WAIT_MS,
                "check.crcs": True,
            }
        )


serve(ConfluentKafka(sys.argv[1]))
