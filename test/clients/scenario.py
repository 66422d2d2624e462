"""What the Python clients of crash-suite.ts share: its commands, the content of records, the comparison (README.md)."""

import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from record import Headers, Record, read_tape, write_copy, write_offsets

MAX_PROBLEMS = 10
POOL = bytes((i * 167 + (i >> 8) * 31) & 255 for i in range(16384))

#: So many are acknowledged between two lines that say it.
PROGRESS_RECORDS = 1_000
END_OFFSETS_DEADLINE_S = 30
END_OFFSETS_INTERVAL_S = 0.02

NOT_ACKNOWLEDGED = -2
WITHOUT_OFFSET = -1


class Library(ABC):
    """A client library. Topics have partitions 0 to `partitions` - 1."""

    codecs: Sequence[str]
    #: What the library refuses to send is empty instead of null.
    refuses_null_headers = False
    refuses_null_value_with_null_key = False

    @abstractmethod
    def create(self, topic: str, partitions: int) -> None: ...

    @abstractmethod
    def produce(
        self, topic: str, records: Iterator[Record], codec: str, acks: str, acknowledge: Callable[[int, int | None], None]
    ) -> None:
        """
        Sends all records, and calls `acknowledge` with the number of each (the first is 0) and its offset, None where the
        library tells none; with `acks` "0" once it was sent. The next record may keep its taker waiting.
        """

    @abstractmethod
    def end_offsets(self, topic: str, partitions: int) -> Sequence[int]: ...

    @abstractmethod
    def read(self, topic: str, ends: Sequence[int]) -> Iterator[tuple[int, Record]]:
        """The records from the beginning of each partition to its end, with their offsets. No group."""


@dataclass
class Sent:
    """What was produced to one topic."""

    base_timestamp: int
    #: By record.
    offsets: list[int]

    @property
    def acknowledged(self) -> int:
        return len(self.offsets) - self.offsets.count(NOT_ACKNOWLEDGED)


@dataclass
class Scenario:
    library: Library
    lines: Iterator[str]
    partitions: dict[str, int] = field(default_factory=dict)
    sent: dict[str, Sent] = field(default_factory=dict)

    def serve(self) -> None:
        for line in self.lines:
            match line.split():
                case ["codecs"]:
                    say(f"codecs {' '.join(self.library.codecs)}")
                case ["create", topic, count]:
                    self.partitions[topic] = int(count)
                    self.library.create(topic, int(count))
                    say("created")
                case ["produce", topic, count, base_timestamp, codec, acks, *checkpoints]:
                    self.sent[topic] = Sent(int(base_timestamp), [NOT_ACKNOWLEDGED] * int(count))
                    self.produce(topic, codec, acks, {int(index) for index in checkpoints})
                case ["read", topic, expected]:
                    self.read(topic, self.sent[expected])
                case ["send", topic, codec, tape, offsets]:
                    self.send(topic, codec, tape, offsets)
                case ["copy", topic, copy, *ends]:
                    say(f"copied {write_copy(copy, self.library.read(topic, [int(end) for end in ends]))}")
                case _:
                    raise ValueError(line)

    def produce(self, topic: str, codec: str, acks: str, checkpoints: set[int]) -> None:
        sent = self.sent[topic]

        def records() -> Iterator[Record]:
            for i in range(len(sent.offsets)):
                if i in checkpoints:
                    say(f"checkpoint {i}")
                    next(self.lines)  # go
                yield self.record(i, self.partitions[topic], sent.base_timestamp)

        def acknowledge(index: int, offset: int | None) -> None:
            sent.offsets[index] = WITHOUT_OFFSET if offset is None or offset < 0 else offset

        self.library.produce(topic, records(), codec, acks, acknowledge)
        say(f"produced {sent.acknowledged}")

    def send(self, topic: str, codec: str, tape: str, offsets_path: str) -> None:
        records = list(read_tape(tape))
        offsets = [NOT_ACKNOWLEDGED] * len(records)
        count = 0

        def acknowledge(index: int, offset: int | None) -> None:
            nonlocal count
            offsets[index] = WITHOUT_OFFSET if offset is None or offset < 0 else offset
            count += 1
            if count % PROGRESS_RECORDS == 0:
                say(f"acknowledged {count}")

        self.library.produce(topic, iter(records), codec, "all", acknowledge)
        write_offsets(offsets_path, offsets)
        say(f"sent {count}")

    def read(self, topic: str, expected: Sent) -> None:
        comparison = Comparison(self, topic, expected)
        for offset, record in self.library.read(topic, self.complete_end_offsets(topic)):
            comparison.add(offset, record)
        for problem in comparison.problems():
            say(f"problem {problem}")
        say(f"read {comparison.records} {expected.offsets.count(WITHOUT_OFFSET)} {comparison.duplicates}")

    def complete_end_offsets(self, topic: str) -> Sequence[int]:
        """Records that nobody acknowledged may still be on their way: waits for them."""
        deadline = time.monotonic() + END_OFFSETS_DEADLINE_S
        while True:
            ends = self.library.end_offsets(topic, self.partitions[topic])
            if sum(ends) >= self.sent[topic].acknowledged or time.monotonic() > deadline:
                return ends
            time.sleep(END_OFFSETS_INTERVAL_S)

    def record(self, i: int, partitions: int, base_timestamp: int) -> Record:
        return Record(i % partitions, base_timestamp + (i ^ 5), key(i), self.value(i), self.headers(i))

    def value(self, i: int) -> bytes | None:
        kind = i % 7
        if kind == 0:
            return b"" if self.library.refuses_null_value_with_null_key and key(i) is None else None
        return b"" if kind == 1 else pool_slice(i, 6000 if i % 1000 == 999 else 20 + i % 180)

    def headers(self, i: int) -> Headers:
        kind = i % 4
        if kind == 0:
            return []
        if kind == 1:
            return [("index", str(i).encode())]
        if kind == 2:
            return [("a", b"1"), ("a", b"" if self.library.refuses_null_headers else None), ("", b"")]
        return [("trace", pool_slice(i, 16))]


class Comparison:
    """Of the records of a topic with what was sent to it, or to another."""

    def __init__(self, scenario: Scenario, topic: str, sent: Sent) -> None:
        self.records = 0
        self.duplicates = 0
        self._scenario = scenario
        self._topic = topic
        self._sent = sent
        self._seen = bytearray(len(sent.offsets))
        self._previous = [-1] * scenario.partitions[topic]
        #: Records that are at another offset than acknowledged, by index.
        self._misplaced: dict[int, int] = {}
        self._problems: list[str] = []

    def add(self, offset: int, record: Record) -> None:
        self.records += 1
        problem = self._problem(offset, record)
        if problem is not None:
            self._problems.append(f"{self._topic}-{record.partition}: {problem}")

    def problems(self) -> Iterator[str]:
        """All of them, once every record was added, but no more lines than anybody would read."""
        for i, offset in enumerate(self._sent.offsets):
            if offset != NOT_ACKNOWLEDGED and not self._seen[i]:
                at = "" if offset == WITHOUT_OFFSET else f" at offset {offset}"
                self._problems.append(f"record {i}, acknowledged{at}, is lost")
        for i, offset in self._misplaced.items():
            self._problems.append(f"record {i} is at offset {offset}, acknowledged at {self._sent.offsets[i]}")
        yield from self._problems[:MAX_PROBLEMS]
        if len(self._problems) > MAX_PROBLEMS:
            yield f"… and {len(self._problems) - MAX_PROBLEMS} more"

    def _problem(self, offset: int, record: Record) -> str | None:
        index = (record.timestamp - self._sent.base_timestamp) ^ 5
        if not 0 <= index < len(self._seen):
            return f"offset {offset} has the unknown timestamp {record.timestamp}"
        expected = self._scenario.record(index, len(self._previous), self._sent.base_timestamp)
        if record != expected:
            wrong = [name for name, a, b in zip(Record._fields, record, expected) if a != b]
            return f"record {index} at offset {offset} has another {' and '.join(wrong)}"
        acknowledged_at = self._sent.offsets[index]
        if self._seen[index]:
            self.duplicates += 1
            if acknowledged_at == offset:
                self._misplaced.pop(index, None)
            return None
        self._seen[index] = 1
        if acknowledged_at >= 0 and acknowledged_at != offset:
            self._misplaced[index] = offset
        if index < self._previous[record.partition]:
            return f"record {index} comes after {self._previous[record.partition]}"
        self._previous[record.partition] = index
        return None


def say(line: str) -> None:
    print(line, flush=True)


def key(i: int) -> bytes | None:
    kind = i % 5
    return None if kind == 0 else b"" if kind == 1 else f"clé-{i}".encode()


def pool_slice(i: int, length: int) -> bytes:
    return POOL[i % 4096 : i % 4096 + length]


def serve(library: Library) -> None:
    """Takes commands from stdin until it ends."""
    Scenario(library, iter(sys.stdin.readline, "")).serve()
