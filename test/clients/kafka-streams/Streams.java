import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.processor.StateRestoreListener;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;
import org.apache.kafka.streams.state.WindowStore;

/**
 * What the suite does in Java: an application of Kafka Streams that keeps the newest value of each key, and what feeds it and
 * looks at its topics.
 *
 *     app BOOTSTRAP       the application, until it is killed; prints its states and what it restores
 *     serve BOOTSTRAP     takes commands line by line, and prints "done" behind what each has to say:
 *       create            the topics of the application
 *       produce FROM TO   rounds of updates: key k0 to k19; the value is the round, or "-" which deletes the key
 *       dump TOPIC        reads a topic from its beginning to its end; prints what is in it as lines
 */
public final class Streams {
  static final int KEYS = 20;
  static final String DELETES = "-";

  public static void main(String[] args) throws Exception {
    switch (args[0]) {
      case "app" -> app(args[1]);
      case "serve" -> serve(args[1]);
      default -> throw new IllegalArgumentException(args[0]);
    }
  }

  static void serve(String bootstrap) throws Exception {
    var commands = new BufferedReader(new InputStreamReader(System.in));
    for (String line = commands.readLine(); line != null; line = commands.readLine()) {
      String[] words = line.split(" ");
      switch (words[0]) {
        case "create" -> create(bootstrap);
        case "produce" -> produce(bootstrap, Integer.parseInt(words[1]), Integer.parseInt(words[2]));
        case "dump" -> dump(bootstrap, words[1]);
        default -> throw new IllegalArgumentException(line);
      }
      System.out.println("done");
    }
  }

  static Properties properties(String bootstrap) {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", bootstrap);
    return properties;
  }

  static void create(String bootstrap) throws Exception {
    Map<String, String> compact = Map.of("cleanup.policy", "compact", "min.cleanable.dirty.ratio", "0.01");
    try (Admin admin = Admin.create(properties(bootstrap))) {
      NewTopic updates = new NewTopic("updates", 3, (short) 1);
      NewTopic totals = new NewTopic("totals", 3, (short) 1).configs(compact);
      admin.createTopics(List.of(updates, totals)).all().get();
    }
  }

  /** Each key is deleted in every seventh round, each in another one. */
  static void produce(String bootstrap, int from, int to) {
    var serializer = new StringSerializer();
    try (var producer = new KafkaProducer<>(properties(bootstrap), serializer, serializer)) {
      for (int round = from; round < to; round++) {
        for (int key = 0; key < KEYS; key++) {
          String value = (round + key) % 7 == 0 ? DELETES : String.valueOf(round);
          producer.send(new ProducerRecord<>("updates", "k" + key, value));
        }
        producer.flush();
      }
    }
  }

  static void app(String bootstrap) throws Exception {
    Properties properties = properties(bootstrap);
    properties.put(StreamsConfig.APPLICATION_ID_CONFIG, "app");
    properties.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
    properties.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
    properties.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 100);
    properties.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0); // every update goes to the changelog
    properties.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
    properties.put("state.dir", System.getProperty("java.io.tmpdir"));
    properties.put(StreamsConfig.consumerPrefix("session.timeout.ms"), 6000);
    properties.put(StreamsConfig.consumerPrefix("heartbeat.interval.ms"), 1000);
    properties.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
    properties.put(StreamsConfig.topicPrefix("min.cleanable.dirty.ratio"), "0.01");
    properties.put(StreamsConfig.topicPrefix("delete.retention.ms"), "0");

    StreamsBuilder builder = new StreamsBuilder();
    KStream<String, String> updates = builder.stream("updates");
    var byKey = updates.groupBy((key, value) -> key.toUpperCase(), Grouped.as("upper")); // over a repartition topic
    byKey
        .aggregate(
            () -> null,
            (key, value, before) -> value.equals(DELETES) ? null : value,
            Materialized.<String, String>as(Stores.inMemoryKeyValueStore("newest")))
        .toStream()
        .to("totals");
    Duration window = Duration.ofSeconds(10);
    byKey
        .windowedBy(TimeWindows.ofSizeWithNoGrace(window))
        .count(
            Materialized.<String, Long>as(
                Stores.inMemoryWindowStore("counts", window.multipliedBy(6), window, false)));

    KafkaStreams streams = new KafkaStreams(builder.build(), properties);
    streams.setStateListener((now, before) -> System.out.println("state " + now));
    streams.setGlobalStateRestoreListener(new Restoring());
    Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(10))));
    streams.start();
    Thread.currentThread().join();
  }

  /** Prints how many records a store was restored from. */
  static final class Restoring implements StateRestoreListener {
    @Override
    public void onRestoreStart(TopicPartition partition, String store, long from, long to) {}

    @Override
    public void onBatchRestored(TopicPartition partition, String store, long to, long records) {}

    @Override
    public void onRestoreEnd(TopicPartition partition, String store, long records) {
      System.out.println("restored " + store + " " + partition.partition() + " " + records);
    }
  }

  static void dump(String bootstrap, String topic) {
    Properties properties = properties(bootstrap);
    properties.put("enable.auto.commit", "false");
    var deserializer = new StringDeserializer();
    try (var consumer = new KafkaConsumer<>(properties, deserializer, deserializer)) {
      List<TopicPartition> partitions =
          consumer.partitionsFor(topic).stream().map(info -> new TopicPartition(topic, info.partition())).toList();
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      Map<String, String> table = new TreeMap<>();
      Map<TopicPartition, Long> last = new HashMap<>();
      long records = 0;
      while (partitions.stream().anyMatch(each -> consumer.position(each) < ends.get(each))) {
        for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(200))) {
          TopicPartition partition = new TopicPartition(topic, record.partition());
          if (last.getOrDefault(partition, -1L) >= record.offset()) throw new IllegalStateException("offsets go back");
          last.put(partition, record.offset());
          records++;
          if (record.value() == null) table.remove(record.key());
          else table.put(record.key(), record.value());
        }
      }
      System.out.println("records " + records);
      System.out.println("offsets " + ends.values().stream().mapToLong(Long::longValue).sum());
      table.forEach((key, value) -> System.out.println("row " + key + " " + value));
    }
  }
}
