"""The Python side of ../crash-suite.ts: commands on stdin, answers on stdout (../README.md)."""

import sys
from dataclasses import dataclass
from functools import partial

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

MAX_PROBLEMS = 10
POOL = bytes((i * 167 + (i >> 8) * 31) & 255 for i in range(16384))

NOT_ACKNOWLEDGED = -2
WITHOUT_OFFSET = -1


@dataclass
class Sent:
    """What was produced to one topic."""

    base_timestamp: int
    offsets: list[int]

    def index(self, message: Message) -> int:
        return (message.timestamp()[1] - self.base_timestamp) ^ 5


class CrashClient:
    def __init__(self, address: str) -> None:
        self.address = address
        self.partitions: dict[str, int] = {}
        self.sent: dict[str, Sent] = {}

    def serve(self) -> None:
        for line in iter(sys.stdin.readline, ""):
            command, topic, *rest = line.split()
            if command == "create":
                self.create(topic, int(rest[0]))
            elif command == "produce":
                self.produce(topic, int(rest[0]), int(rest[1]), rest[2], {int(word) for word in rest[3:]})
            elif command == "read":
                self.read(topic, self.sent[rest[0]])
            else:
                raise ValueError(line)

    def create(self, topic: str, count: int) -> None:
        admin = AdminClient({"bootstrap.servers": self.address})
        admin.create_topics([NewTopic(topic, num_partitions=count, replication_factor=1)])[topic].result()
        self.partitions[topic] = count
        say("created")

    def produce(self, topic: str, count: int, base_timestamp: int, codec: str, checkpoints: set[int]) -> None:
        sent = self.sent[topic] = Sent(base_timestamp, [NOT_ACKNOWLEDGED] * count)
        partitions = self.partitions[topic]

        # Not by its timestamp: a report may carry another, since Apache Kafka answers a retry with its batch's largest one.
        def on_delivery(index: int, error: object, message: Message) -> None:
            if error is not None:
                print(f"record {index}: {error}", file=sys.stderr)
                return
            offset = message.offset()
            sent.offsets[index] = WITHOUT_OFFSET if offset is None or offset < 0 else offset

        producer = Producer(
            {
                "bootstrap.servers": self.address,
                "acks": "all",
                "enable.idempotence": True,
                "compression.type": codec,
            }
        )
        for i in range(count):
            if i in checkpoints:
                say(f"checkpoint {i}")
                sys.stdin.readline()  # go
            while True:
                try:
                    producer.produce(
                        topic,
                        key=key(i),
                        value=value(i),
                        partition=i % partitions,
                        timestamp=base_timestamp + (i ^ 5),
                        headers=headers(i),
                        on_delivery=partial(on_delivery, i),
                    )
                    break
                except BufferError:  # the queue is full: wait for acknowledgements
                    producer.poll(0.1)
            if i % 1000 == 0:
                producer.poll(0)
        producer.flush()
        say(f"produced {sum(offset != NOT_ACKNOWLEDGED for offset in sent.offsets)}")

    def read(self, topic: str, sent: Sent) -> None:
        consumer = Consumer(
            {
                "bootstrap.servers": self.address,
                "group.id": "unused",  # the library asks for a name; nothing is committed
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "enable.partition.eof": True,
                "check.crcs": True,
            }
        )
        partitions = range(self.partitions[topic])
        consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
        unread = set(partitions)
        seen = bytearray(len(sent.offsets))
        previous = [-1] * len(partitions)
        problems: list[str] = []
        records = 0
        while unread:
            for message in consumer.consume(num_messages=10_000, timeout=0.5):
                error = message.error()
                if error is not None:
                    if error.code() == KafkaError._PARTITION_EOF:
                        unread.discard(message.partition())
                    elif error.fatal() or error.code() > 0:
                        raise KafkaException(error)
                    continue  # any other concerns the connection: the library goes on by itself
                records += 1
                problem = self.problem(message, sent, seen, previous)
                if problem is not None:
                    problems.append(f"{topic}-{message.partition()}: {problem}")
        consumer.close()
        for i, offset in enumerate(sent.offsets):
            if offset != NOT_ACKNOWLEDGED and not seen[i]:
                problems.append(f"record {i}, acknowledged at offset {offset}, is lost")
        for problem in problems[:MAX_PROBLEMS]:
            say(f"problem {problem}")
        if len(problems) > MAX_PROBLEMS:
            say(f"problem … and {len(problems) - MAX_PROBLEMS} more")
        say(f"read {records} {sent.offsets.count(WITHOUT_OFFSET)}")

    @staticmethod
    def problem(message: Message, sent: Sent, seen: bytearray, previous: list[int]) -> str | None:
        """What is wrong with a record that was read, or None."""
        index = sent.index(message)
        offset = message.offset()
        partition = message.partition()
        if not 0 <= index < len(seen):
            return f"offset {offset} has the unknown timestamp {message.timestamp()}"
        if seen[index]:
            return f"record {index} is there again at offset {offset}"
        seen[index] = 1
        if partition != index % len(previous):
            return f"record {index} is in the wrong partition"
        if index < previous[partition]:
            return f"record {index} comes after {previous[partition]}"
        previous[partition] = index
        if sent.offsets[index] >= 0 and sent.offsets[index] != offset:
            return f"record {index} is at offset {offset}, acknowledged at {sent.offsets[index]}"
        if message.key() != key(index):
            return f"record {index} has another key"
        if message.value() != value(index):
            return f"record {index} has another value"
        if (message.headers() or []) != headers(index):
            return f"record {index} has other headers"
        return None


def say(line: str) -> None:
    print(line, flush=True)


def key(i: int) -> bytes | None:
    kind = i % 5
    return None if kind == 0 else b"" if kind == 1 else f"clé-{i}".encode()


def value(i: int) -> bytes | None:
    kind = i % 7
    if kind < 2:
        return None if kind == 0 else b""
    return pool_slice(i, 6000 if i % 1000 == 999 else 20 + i % 180)


def headers(i: int) -> list[tuple[str, bytes | None]]:
    kind = i % 4
    if kind == 0:
        return []
    if kind == 1:
        return [("index", str(i).encode())]
    if kind == 2:
        return [("a", b"1"), ("a", None), ("", b"")]
    return [("trace", pool_slice(i, 16))]


def pool_slice(i: int, length: int) -> bytes:
    return POOL[i % 4096 : i % 4096 + length]


CrashClient(sys.argv[1]).serve()
