"""A record, and files of records: what is to be sent (a tape), and what was read (a copy). README.md has the format."""

import struct
import sys
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

Headers = list[tuple[str, bytes | None]]


class Record(NamedTuple):
    partition: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers


INT = struct.Struct(">i")
HEAD = struct.Struct(">iq")
OFFSET = struct.Struct(">q")


def read_tape(path: str) -> Iterator[Record]:
    tape = Path(path).read_bytes()
    at = 0

    def take() -> bytes | None:
        nonlocal at
        (size,) = INT.unpack_from(tape, at)
        at += INT.size + max(size, 0)
        return None if size < 0 else tape[at - size : at]

    while at < len(tape):
        partition, timestamp = HEAD.unpack_from(tape, at)
        at += HEAD.size
        key, value = take(), take()
        (count,) = INT.unpack_from(tape, at)
        at += INT.size
        yield Record(partition, timestamp, key, value, [((take() or b"").decode(), take()) for _ in range(count)])


def write_copy(path: str, records: Iterable[tuple[int, Record]]) -> int:
    """Writes each record behind its offset, as it comes; the number of records."""
    count = 0
    with open(path, "wb") as file:
        for count, (offset, record) in enumerate(records, start=1):
            fields = [OFFSET.pack(offset), HEAD.pack(record.partition, record.timestamp)]
            fields += [_bytes(record.key), _bytes(record.value), INT.pack(len(record.headers))]
            for name, content in record.headers:
                fields += [_bytes(name.encode()), _bytes(content)]
            file.write(b"".join(fields))
    return count


def write_offsets(path: str, offsets: list[int]) -> None:
    big_endian = array("q", offsets)
    if sys.byteorder == "little":
        big_endian.byteswap()
    Path(path).write_bytes(big_endian.tobytes())


def _bytes(content: bytes | None) -> bytes:
    return INT.pack(-1) if content is None else INT.pack(len(content)) + content
