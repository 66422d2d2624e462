"""The comparison of the Python clients, with topics in memory. Each client's `run` runs it first."""

import contextlib
import io
import unittest
from collections.abc import Callable, Iterator, Sequence

from scenario import Library, Record, Scenario

COMMANDS = ("create t 4", "produce t 100 1000 none all 50", "go", "read t t")
Stored = list[tuple[int, Record]]


class Memory(Library):
    """What is read passes through `bend` first."""

    codecs = ("none",)

    def __init__(self, bend: Callable[[Stored], Stored]) -> None:
        self.bend = bend
        self.stored: Stored = []
        self.ends: list[int] = []

    def create(self, topic: str, partitions: int) -> None:
        self.ends = [0] * partitions

    def produce(
        self, topic: str, records: Iterator[Record], codec: str, acks: str, acknowledge: Callable[[int, int | None], None]
    ) -> None:
        for i, record in enumerate(records):
            offset = self.ends[record.partition]
            self.ends[record.partition] += 1
            self.stored.append((offset, record))
            acknowledge(i, offset)

    def end_offsets(self, topic: str, partitions: int) -> Sequence[int]:
        return self.ends

    def read(self, topic: str, ends: Sequence[int]) -> Iterator[tuple[int, Record]]:
        yield from self.bend(list(self.stored))


def answers(bend: Callable[[Stored], Stored]) -> list[str]:
    """To `read`."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        Scenario(Memory(bend), iter(COMMANDS)).serve()
    said = output.getvalue().splitlines()
    assert said[:3] == ["created", "checkpoint 50", "produced 100"], said
    return said[3:]


def replaced(stored: Stored, index: int, **fields: object) -> Stored:
    offset, record = stored[index]
    return [*stored[:index], (offset, record._replace(**fields)), *stored[index + 1 :]]


class ComparisonTest(unittest.TestCase):
    def test_what_was_sent(self) -> None:
        self.assertEqual(answers(lambda stored: stored), ["read 100 0 0"])

    def test_other_content(self) -> None:
        bends: list[tuple[int, str, object]] = [
            (0, "key", b""),
            (1, "key", None),
            (7, "value", b""),
            (9, "value", b"another"),
            (10, "headers", [("", b""), ("a", None), ("a", b"1")]),
            (11, "headers", []),
            (2, "headers", [("a", b"1"), ("a", b""), ("", b"")]),
            (3, "partition", 0),
        ]
        for index, name, content in bends:
            with self.subTest(index=index, name=name):
                problem, lost, last = answers(lambda stored: replaced(stored, index, **{name: content}))
                self.assertRegex(problem, f"^problem .*record {index} at offset .* has another {name}$")
                self.assertRegex(lost, "is lost$")
                self.assertEqual(last, "read 100 0 0")

    def test_another_timestamp(self) -> None:
        problem = answers(lambda stored: replaced(stored, 6, timestamp=999))[0]
        self.assertEqual(problem, "problem t-2: offset 1 has the unknown timestamp 999")

    def test_another_offset(self) -> None:
        said = answers(lambda stored: [*stored[:99], (77, stored[99][1])])
        self.assertEqual(said, ["problem record 99 is at offset 77, acknowledged at 24", "read 100 0 0"])

    def test_another_order(self) -> None:
        said = answers(lambda stored: [*stored[:95], stored[99], *stored[95:99]])
        self.assertEqual(said, ["problem t-3: record 95 comes after 99", "read 100 0 0"])

    def test_a_lost_record(self) -> None:
        said = answers(lambda stored: stored[:99])
        self.assertEqual(said, ["problem record 99, acknowledged at offset 24, is lost", "read 99 0 0"])

    def test_a_record_twice(self) -> None:
        self.assertEqual(answers(lambda stored: [*stored, (25, stored[99][1])]), ["read 101 0 1"])
        self.assertEqual(answers(lambda stored: [*stored[:99], (23, stored[99][1]), stored[99]]), ["read 101 0 1"])


if __name__ == "__main__":
    unittest.main()
