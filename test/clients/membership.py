"""What the members in Python of group-suite.ts share: the commands, and the lines about what became of one (README.md)."""

import sys
import threading
import time

SESSION_TIMEOUT_MS = 6_000
HEARTBEAT_INTERVAL_MS = 1_000
# Below the 200 ms that are asked for.
COMMIT_INTERVAL_S = 0.15
RETRY_PAUSE_S = 0.25


class Report:
    """Writes the lines of a member."""

    def __init__(self, say):
        self._say = say
        self._owned = ""

    def owns(self, partitions):
        """Takes all that is owned, as often as one likes: a line is written when it has changed."""
        owned = ",".join(str(partition) for partition in sorted(partitions)) or "-"
        if owned != self._owned:
            self._owned = owned
            self._say(f"assigned {owned}")

    def read(self, partition, offsets):
        """Takes the offsets of records that were delivered, in their order."""
        first = None
        for index, offset in enumerate(offsets):
            first = offset if first is None else first
            if index + 1 == len(offsets) or offsets[index + 1] != offset + 1:
                self._say(f"read {partition} {first} {offset}")
                first = None

    def committed(self, positions):
        """Takes positions that the broker has acknowledged, by partition."""
        for partition, position in positions.items():
            self._say(f"committed {partition} {position}")

    def problem(self, error):
        """Takes what the library could not go on from."""
        self._say("problem " + " ".join(f"{type(error).__name__}: {error}".split()))


class Positions:
    """How far a member has read in what it owns, until that is committed."""

    def __init__(self):
        self._positions = {}
        self._committed_at = time.monotonic()

    def read(self, partition, last):
        self._positions[partition] = last + 1

    def forget(self, partitions=None):
        """Partitions came or went, all of them where it is not said which. They may have been others' meanwhile: what was
        read before must not be committed. What a member keeps is not read again, so its position must not be lost."""
        for partition in list(self._positions) if partitions is None else partitions:
            self._positions.pop(partition, None)

    def failed(self, positions):
        """Takes what was due and could not be committed."""
        for partition, position in positions.items():
            self._positions.setdefault(partition, position)

    def due(self, owned):
        """What has to be committed now; nothing when it is too early."""
        if not self._positions or time.monotonic() - self._committed_at < COMMIT_INTERVAL_S:
            return {}
        self._committed_at = time.monotonic()
        positions = {partition: at for partition, at in self._positions.items() if partition in owned}
        self._positions.clear()
        return positions


def say(line):
    print(line, flush=True)


def serve(modes, consume):
    """Answers the commands. `consume(group, topic, mode, instance, report, stopped)` takes part in the group until the
    event, leaves it and returns; it raises what the library cannot go on from, and is called again."""
    stopped = threading.Event()
    member = None
    for line in sys.stdin:
        command, *words = line.split()
        if command == "modes":
            say(f"modes {' '.join(modes)}")
        elif command == "consume":
            group, topic, mode, instance = words
            arguments = (group, topic, mode, None if instance == "-" else instance)
            member = threading.Thread(target=_live, args=(consume, arguments, stopped), daemon=True)
            member.start()
        elif command == "stop":
            break
    stopped.set()
    if member is not None:
        member.join()
        say("stopped")


def _live(consume, arguments, stopped):
    report = Report(say)
    while not stopped.is_set():
        try:
            consume(*arguments, report, stopped)
        except Exception as error:  # whatever it is: the suite is told, and the member begins again
            report.problem(error)
            stopped.wait(RETRY_PAUSE_S)
        report.owns([])
