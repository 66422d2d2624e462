"""The part of confluent-kafka, which is librdkafka, in ../group-suite.ts."""

import sys

from confluent_kafka import Consumer, KafkaException, TopicPartition

from membership import HEARTBEAT_INTERVAL_MS, SESSION_TIMEOUT_MS, Positions, serve

ASSIGNORS = {"range": "range", "roundrobin": "roundrobin", "cooperative": "cooperative-sticky"}
BATCH_RECORDS = 500
POLL_S = 0.1


def settings(group, mode, instance):
    own = {"group.instance.id": instance} if instance is not None else {}
    common = {
        "bootstrap.servers": sys.argv[-1],
        "group.id": group,
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "check.crcs": True,
        "reconnect.backoff.max.ms": 500,
        **own,
    }
    if mode == "consumer":
        return {**common, "group.protocol": "consumer"}
    return {
        **common,
        "session.timeout.ms": SESSION_TIMEOUT_MS,
        "heartbeat.interval.ms": HEARTBEAT_INTERVAL_MS,
        "partition.assignment.strategy": ASSIGNORS[mode],
    }


def consume(group, topic, mode, instance, report, stopped):
    consumer = Consumer(settings(group, mode, instance))
    positions = Positions()

    def forget(_consumer, moved):
        positions.forget([each.partition for each in moved])

    consumer.subscribe([topic], on_assign=forget, on_revoke=forget, on_lost=forget)
    try:
        while not stopped.is_set():
            runs = {}
            for message in consumer.consume(BATCH_RECORDS, POLL_S):
                if message.error() is None:
                    runs.setdefault(message.partition(), []).append(message.offset())
                elif message.error().fatal():
                    raise KafkaException(message.error())
            for partition, offsets in runs.items():
                report.read(partition, offsets)
                positions.read(partition, offsets[-1])
            owned = {assigned.partition for assigned in consumer.assignment()}
            report.owns(owned)
            due = positions.due(owned)
            if due:
                positions.failed(commit(consumer, topic, due, report))
    finally:
        consumer.close()


def commit(consumer, topic, due, report):
    """Answers what was not committed."""
    offsets = [TopicPartition(topic, partition, position) for partition, position in due.items()]
    try:
        done = consumer.commit(offsets=offsets, asynchronous=False)
    except KafkaException:  # a rebalance is under way, or the broker is away
        return due
    committed = {each.partition: each.offset for each in done if each.error is None}
    report.committed(committed)
    return {partition: at for partition, at in due.items() if partition not in committed}


serve([*ASSIGNORS, "consumer"], consume)
