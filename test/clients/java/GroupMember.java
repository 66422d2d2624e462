import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RebalanceInProgressException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** The Java side of ../group-suite.ts: one member of a group (../README.md). */
public final class GroupMember implements ConsumerRebalanceListener {
  private static final Map<String, Map<String, Object>> MODES = Map.of(
      "range", classic("org.apache.kafka.clients.consumer.RangeAssignor"),
      "roundrobin", classic("org.apache.kafka.clients.consumer.RoundRobinAssignor"),
      "sticky", classic("org.apache.kafka.clients.consumer.StickyAssignor"),
      "cooperative", classic("org.apache.kafka.clients.consumer.CooperativeStickyAssignor"),
      "consumer", Map.of("group.protocol", "consumer"));
  private static final Duration POLL = Duration.ofMillis(100);
  private static final long COMMIT_INTERVAL_NANOS = Duration.ofMillis(200).toNanos();
  private static final Duration COMMIT_TIMEOUT = Duration.ofSeconds(2);

  private final BufferedReader commands = new BufferedReader(new InputStreamReader(System.in));
  private final Map<String, Object> config = new HashMap<>();
  private final TreeSet<Integer> owned = new TreeSet<>();
  /** The positions that were read up to and are not committed, of partitions that are owned. */
  private final Map<TopicPartition, OffsetAndMetadata> uncommitted = new HashMap<>();
  private KafkaConsumer<byte[], byte[]> consumer;
  private volatile boolean stopping;

  private GroupMember(String address) {
    config.putAll(Map.of(
        "bootstrap.servers", address,
        "enable.auto.commit", false,
        "auto.offset.reset", "earliest",
        "reconnect.backoff.max.ms", 500,
        "key.deserializer", ByteArrayDeserializer.class,
        "value.deserializer", ByteArrayDeserializer.class));
  }

  private static Map<String, Object> classic(String assignor) {
    return Map.of(
        "group.protocol", "classic",
        "partition.assignment.strategy", assignor,
        "session.timeout.ms", 6_000,
        "heartbeat.interval.ms", 1_000);
  }

  public static void main(String[] args) throws IOException {
    new GroupMember(args[0]).serve();
  }

  private void serve() throws IOException {
    String[] words = commands.readLine().split(" ");
    switch (words[0]) {
      case "modes" -> System.out.println("modes range cooperative sticky consumer");
      case "consume" -> {
        config.put("group.id", words[1]);
        config.putAll(MODES.get(words[3]));
        if (!words[4].equals("-")) config.put("group.instance.id", words[4]);
        var input = new Thread(this::awaitStop);
        input.setDaemon(true);
        input.start();
        while (!stopping) consume(words[2]);
        System.out.println("stopped");
      }
      default -> throw new IllegalArgumentException(words[0]);
    }
  }

  /** `stop` is the only command that can come, and without a suite there is nothing to read for. */
  private void awaitStop() {
    try {
      commands.readLine();
    } catch (IOException failure) {
      System.err.println(failure);
    }
    stopping = true;
  }

  private void consume(String topic) {
    try (var created = new KafkaConsumer<byte[], byte[]>(config)) {
      consumer = created;
      consumer.subscribe(List.of(topic), this);
      long committedAt = System.nanoTime();
      while (!stopping) {
        report(consumer.poll(POLL));
        if (System.nanoTime() - committedAt < COMMIT_INTERVAL_NANOS) continue;
        commit();
        committedAt = System.nanoTime();
      }
      commit();
    } catch (KafkaException failure) {
      failure.printStackTrace();
      System.out.println("problem " + failure.toString().replace('\n', ' '));
      onPartitionsLost(List.of());
    }
  }

  private void report(ConsumerRecords<byte[], byte[]> records) {
    for (TopicPartition partition : records.partitions()) {
      long first = -1;
      long last = -1;
      for (ConsumerRecord<byte[], byte[]> record : records.records(partition)) {
        if (first >= 0 && record.offset() != last + 1) {
          System.out.println("read " + partition.partition() + " " + first + " " + last);
          first = -1;
        }
        if (first < 0) first = record.offset();
        last = record.offset();
      }
      System.out.println("read " + partition.partition() + " " + first + " " + last);
      // Just after the partitions were lost, the client may still hand over what it had fetched before. Others are further, and
      // once it has joined again, the broker would take the old position from it.
      if (owned.contains(partition.partition())) uncommitted.put(partition, records.nextOffsets().get(partition));
    }
  }

  /** What fails here is committed later, unless the partition is lost in the meantime. */
  private void commit() {
    if (uncommitted.isEmpty()) return;
    try {
      consumer.commitSync(uncommitted, COMMIT_TIMEOUT);
    } catch (CommitFailedException | RebalanceInProgressException | RetriableException failure) {
      System.err.println(failure);
      return;
    }
    uncommitted.forEach((partition, position) ->
        System.out.println("committed " + partition.partition() + " " + position.offset()));
    uncommitted.clear();
  }

  @Override
  public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
    partitions.forEach(partition -> owned.add(partition.partition()));
    reportOwned();
  }

  @Override
  public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
    commit();
    partitions.forEach(partition -> owned.remove(partition.partition()));
    uncommitted.keySet().removeAll(partitions);
    reportOwned();
  }

  @Override
  public void onPartitionsLost(Collection<TopicPartition> partitions) {
    owned.clear();
    uncommitted.clear();
    reportOwned();
  }

  private void reportOwned() {
    String list = owned.stream().map(String::valueOf).collect(Collectors.joining(","));
    System.out.println("assigned " + (list.isEmpty() ? "-" : list));
  }
}
