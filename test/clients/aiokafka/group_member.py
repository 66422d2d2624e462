"""The part of aiokafka in ../group-suite.ts."""

import asyncio
import sys

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import KafkaError

from membership import HEARTBEAT_INTERVAL_MS, SESSION_TIMEOUT_MS, Positions, serve

ASSIGNORS = {"range": RangePartitionAssignor, "roundrobin": RoundRobinPartitionAssignor}
POLL_MS = 100


class Forget(ConsumerRebalanceListener):
    def __init__(self, positions):
        self._positions = positions

    async def on_partitions_revoked(self, revoked):
        self._positions.forget()

    async def on_partitions_assigned(self, assigned):
        self._positions.forget()


async def live(group, topic, mode, instance, report, stopped):
    own = {"group_instance_id": instance} if instance is not None else {}
    consumer = AIOKafkaConsumer(
        bootstrap_servers=sys.argv[-1],
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        session_timeout_ms=SESSION_TIMEOUT_MS,
        heartbeat_interval_ms=HEARTBEAT_INTERVAL_MS,
        partition_assignment_strategy=(ASSIGNORS[mode],),
        **own,
    )
    positions = Positions()
    consumer.subscribe([topic], listener=Forget(positions))
    await consumer.start()
    try:
        while not stopped.is_set():
            for of, records in (await consumer.getmany(timeout_ms=POLL_MS)).items():
                report.read(of.partition, [record.offset for record in records])
                positions.read(of.partition, records[-1].offset)
            owned = {assigned.partition for assigned in consumer.assignment()}
            report.owns(owned)
            due = positions.due(owned)
            if due:
                if not await commit(consumer, topic, due, report):
                    positions.failed(due)
    finally:
        await consumer.stop()


async def commit(consumer, topic, due, report):
    try:
        await consumer.commit({TopicPartition(topic, partition): at for partition, at in due.items()})
    except KafkaError:
        return False  # a rebalance is under way, or the broker is away
    report.committed(due)
    return True


def consume(*arguments):
    asyncio.run(live(*arguments))


serve([*ASSIGNORS], consume)
