"""The part of kafka-python in ../group-suite.ts."""

import sys

from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

from membership import HEARTBEAT_INTERVAL_MS, SESSION_TIMEOUT_MS, Positions, serve

ASSIGNORS = {"range": RangePartitionAssignor, "roundrobin": RoundRobinPartitionAssignor}
POLL_MS = 100


class Forget(ConsumerRebalanceListener):
    def __init__(self, positions):
        self._positions = positions

    def on_partitions_revoked(self, revoked):
        self._positions.forget()

    def on_partitions_assigned(self, assigned):
        self._positions.forget()


def consume(group, topic, mode, instance, report, stopped):
    own = {"group_instance_id": instance} if instance is not None else {}
    consumer = KafkaConsumer(
        bootstrap_servers=sys.argv[-1],
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        session_timeout_ms=SESSION_TIMEOUT_MS,
        heartbeat_interval_ms=HEARTBEAT_INTERVAL_MS,
        partition_assignment_strategy=[ASSIGNORS[mode]],
        reconnect_backoff_max_ms=500,
        **own,
    )
    positions = Positions()
    consumer.subscribe([topic], listener=Forget(positions))
    try:
        while not stopped.is_set():
            for of, records in consumer.poll(timeout_ms=POLL_MS).items():
                report.read(of.partition, [record.offset for record in records])
                positions.read(of.partition, records[-1].offset)
            owned = {assigned.partition for assigned in consumer.assignment()}
            report.owns(owned)
            due = positions.due(owned)
            if due:
                if not commit(consumer, topic, due, report):
                    positions.failed(due)
    finally:
        consumer.close()


def commit(consumer, topic, due, report):
    offsets = {TopicPartition(topic, partition): OffsetAndMetadata(at, "", -1) for partition, at in due.items()}
    try:
        consumer.commit(offsets)
    except KafkaError:
        return False  # a rebalance is under way, or the broker is away
    report.committed(due)
    return True


serve([*ASSIGNORS], consume)
