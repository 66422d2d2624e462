import java.io.BufferedOutputStream;
import java.io.BufferedReader;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** The Java side of ../crash-suite.ts: commands on stdin, answers on stdout (../README.md). */
public final class CrashClient {
  private static final int MAX_PROBLEMS = 10;
  /** So many are acknowledged between two lines that say it. */
  private static final int PROGRESS_RECORDS = 1_000;
  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final long NOT_ACKNOWLEDGED = -2;
  private static final long WITHOUT_OFFSET = -1;
  private static final long NOT_FOUND = -1;
  private static final Header[] NO_HEADERS = {};
  private static final byte[] EMPTY = {};
  private static final byte[] POOL = pool();

  private final String address;
  private final BufferedReader commands = new BufferedReader(new InputStreamReader(System.in));
  private final Map<String, Integer> partitions = new HashMap<>();
  private final Map<String, Sent> sent = new HashMap<>();

  /** What was produced to one topic. The offset of a record without one is negative. */
  private record Sent(long baseTimestamp, long[] offsets) {}

  private CrashClient(String address) {
    this.address = address;
  }

  public static void main(String[] args) throws Exception {
    new CrashClient(args[0]).serve();
  }

  private void serve() throws Exception {
    for (String line = commands.readLine(); line != null; line = commands.readLine()) {
      String[] words = line.split(" ");
      switch (words[0]) {
        case "codecs" -> System.out.println("codecs none gzip snappy lz4 zstd");
        case "create" -> create(words[1], Integer.parseInt(words[2]));
        case "produce" -> {
          int[] checkpoints = Arrays.stream(words).skip(6).mapToInt(Integer::parseInt).toArray();
          produce(words[1], Integer.parseInt(words[2]), Long.parseLong(words[3]), words[4], words[5], checkpoints);
        }
        case "read" -> read(words[1], sent.get(words[2]));
        case "send" -> send(words[1], words[2], Path.of(words[3]), Path.of(words[4]));
        case "copy" -> copy(words[1], Path.of(words[2]), Arrays.stream(words).skip(3).mapToLong(Long::parseLong).toArray());
        default -> throw new IllegalArgumentException(line);
      }
    }
  }

  private void create(String topic, int count) throws Exception {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", address))) {
      admin.createTopics(List.of(new NewTopic(topic, count, (short) 1))).all().get();
    }
    partitions.put(topic, count);
    System.out.println("created");
  }

  private void produce(String topic, int count, long baseTimestamp, String codec, String acks, int[] checkpoints)
      throws Exception {
    long[] offsets = new long[count];
    Arrays.fill(offsets, NOT_ACKNOWLEDGED);
    sent.put(topic, new Sent(baseTimestamp, offsets));
    AtomicInteger acknowledged = new AtomicInteger();
    try (var producer = producer(codec, acks)) {
      for (int i = 0; i < count; i++) {
        int index = i;
        if (Arrays.stream(checkpoints).anyMatch(checkpoint -> checkpoint == index)) {
          System.out.println("checkpoint " + i);
          commands.readLine(); // go
        }
        int partition = i % partitions.get(topic);
        var record = new ProducerRecord<>(
            topic, partition, baseTimestamp + (i ^ 5), key(i), value(i), Arrays.asList(headers(i)));
        producer.send(record, (metadata, failure) -> {
          if (failure != null) {
            System.err.println("record " + index + ": " + failure);
            return;
          }
          offsets[index] = metadata.offset();
          acknowledged.incrementAndGet();
        });
      }
      producer.flush();
    }
    System.out.println("produced " + acknowledged.get());
  }

  private KafkaProducer<byte[], byte[]> producer(String codec, String acks) {
    Map<String, Object> config = Map.of(
        "bootstrap.servers", address,
        "acks", acks,
        "enable.idempotence", acks.equals("all"),
        "compression.type", codec,
        "delivery.timeout.ms", 300_000,
        "max.block.ms", 300_000);
    return new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer());
  }

  /** Sends the records of a file, and writes where each of them is to another (../README.md). */
  private void send(String topic, String codec, Path tape, Path offsetsFile) throws Exception {
    List<ProducerRecord<byte[], byte[]>> records = RecordFile.read(topic, tape);
    long[] offsets = new long[records.size()];
    Arrays.fill(offsets, NOT_ACKNOWLEDGED);
    AtomicInteger acknowledged = new AtomicInteger();
    try (var producer = producer(codec, "all")) {
      for (int i = 0; i < offsets.length; i++) {
        int index = i;
        producer.send(records.get(i), (metadata, failure) -> {
          if (failure != null) {
            System.err.println("record " + index + ": " + failure);
            return;
          }
          offsets[index] = metadata.offset();
          int count = acknowledged.incrementAndGet();
          if (count % PROGRESS_RECORDS == 0) System.out.println("acknowledged " + count);
        });
      }
      producer.flush();
    }
    ByteBuffer bytes = ByteBuffer.allocate(Long.BYTES * offsets.length);
    for (long offset : offsets) bytes.putLong(offset);
    Files.write(offsetsFile, bytes.array());
    System.out.println("sent " + acknowledged.get());
  }

  /** Writes the records of a topic to a file, each behind its offset. */
  private void copy(String topic, Path file, long[] ends) throws Exception {
    int records = 0;
    try (var consumer = consumer(); var out = RecordFile.writeTo(file)) {
      List<TopicPartition> assignment = assign(consumer, topic, ends.length);
      while (assignment.stream().anyMatch(partition -> consumer.position(partition) < ends[partition.partition()])) {
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofSeconds(1))) {
          RecordFile.write(record, out);
          records++;
        }
      }
    }
    System.out.println("copied " + records);
  }

  private KafkaConsumer<byte[], byte[]> consumer() {
    Map<String, Object> config = Map.of(
        "bootstrap.servers", address, "check.crcs", true, "enable.auto.commit", false, "auto.offset.reset", "none");
    return new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer());
  }

  /** All partitions, from their beginning. */
  private static List<TopicPartition> assign(KafkaConsumer<byte[], byte[]> consumer, String topic, int partitions) {
    List<TopicPartition> assignment =
        IntStream.range(0, partitions).mapToObj(partition -> new TopicPartition(topic, partition)).toList();
    consumer.assign(assignment);
    assignment.forEach(partition -> consumer.seek(partition, 0));
    return assignment;
  }

  private void read(String topic, Sent expected) {
    int count = expected.offsets.length;
    long[] found = new long[count];
    Arrays.fill(found, NOT_FOUND);
    int problems = 0;
    int records = 0;
    int duplicates = 0;
    try (var consumer = consumer()) {
      List<TopicPartition> assignment = assign(consumer, topic, partitions.get(topic));
      Map<TopicPartition, Long> ends = endOffsets(consumer, assignment, sent.get(topic));
      int[] previous = new int[assignment.size()];
      Arrays.fill(previous, -1);
      while (assignment.stream().anyMatch(partition -> consumer.position(partition) < ends.get(partition))) {
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofSeconds(1))) {
          records++;
          int index = (int) (record.timestamp() - expected.baseTimestamp) ^ 5;
          if (index >= 0 && index < count && found[index] != NOT_FOUND) duplicates++;
          String problem = problem(record, index, expected, found, previous);
          if (problem != null && ++problems <= MAX_PROBLEMS) {
            System.out.printf("problem %s-%d: %s%n", record.topic(), record.partition(), problem);
          }
        }
      }
    }
    for (int i = 0; i < count; i++) {
      String problem = problem(i, expected.offsets[i], found[i]);
      if (problem != null && ++problems <= MAX_PROBLEMS) System.out.println("problem " + problem);
    }
    if (problems > MAX_PROBLEMS) System.out.printf("problem … and %d more%n", problems - MAX_PROBLEMS);
    long withoutOffset = Arrays.stream(expected.offsets).filter(offset -> offset == WITHOUT_OFFSET).count();
    System.out.println("read " + records + " " + withoutOffset + " " + duplicates);
  }

  /** The end offsets, as soon as all that was acknowledged is below them: with acks=0 it may yet be on its way. */
  private static Map<TopicPartition, Long> endOffsets(
      KafkaConsumer<byte[], byte[]> consumer, List<TopicPartition> assignment, Sent sent) {
    long acknowledged = Arrays.stream(sent.offsets).filter(offset -> offset != NOT_ACKNOWLEDGED).count();
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (true) {
      Map<TopicPartition, Long> ends = consumer.endOffsets(assignment);
      long sum = ends.values().stream().mapToLong(Long::longValue).sum();
      if (sum >= acknowledged || System.nanoTime() > deadline) return ends;
    }
  }

  /** What is wrong with a record that was read, or null. Notes where it was found. */
  private String problem(
      ConsumerRecord<byte[], byte[]> record, int index, Sent expected, long[] found, int[] previous) {
    long offset = record.offset();
    if (index < 0 || index >= found.length) return "offset " + offset + " has the unknown timestamp " + record.timestamp();
    boolean duplicate = found[index] != NOT_FOUND;
    // Of several copies the acknowledged one counts.
    if (!duplicate || offset == expected.offsets[index]) found[index] = offset;
    if (record.partition() != index % previous.length) return "record " + index + " is in the wrong partition";
    if (!duplicate) {
      if (index < previous[record.partition()]) return "record " + index + " comes after " + previous[record.partition()];
      previous[record.partition()] = index;
    }
    if (!Arrays.equals(record.key(), key(index))) return "record " + index + " has another key";
    if (!Arrays.equals(record.value(), value(index))) return "record " + index + " has another value";
    if (!Arrays.equals(record.headers().toArray(), headers(index))) return "record " + index + " has other headers";
    return null;
  }

  /** What is wrong with the place where a record was found, or null. */
  private static String problem(int index, long acknowledged, long found) {
    if (acknowledged != NOT_ACKNOWLEDGED && found == NOT_FOUND) {
      return "record " + index + ", acknowledged at offset " + acknowledged + ", is lost";
    }
    if (acknowledged >= 0 && acknowledged != found) {
      return "record " + index + " is at offset " + found + ", acknowledged at " + acknowledged;
    }
    return null;
  }

  private static byte[] key(int i) {
    return switch (i % 5) {
      case 0 -> null;
      case 1 -> EMPTY;
      default -> ("clé-" + i).getBytes(StandardCharsets.UTF_8);
    };
  }

  private static byte[] value(int i) {
    return switch (i % 7) {
      case 0 -> null;
      case 1 -> EMPTY;
      default -> slice(i, i % 1000 == 999 ? 6000 : 20 + i % 180);
    };
  }

  private static Header[] headers(int i) {
    return switch (i % 4) {
      case 0 -> NO_HEADERS;
      case 1 -> new Header[] {new RecordHeader("index", Integer.toString(i).getBytes(StandardCharsets.UTF_8))};
      case 2 -> new Header[] {
        new RecordHeader("a", new byte[] {'1'}), new RecordHeader("a", (byte[]) null), new RecordHeader("", EMPTY)
      };
      default -> new Header[] {new RecordHeader("trace", slice(i, 16))};
    };
  }

  private static byte[] slice(int i, int length) {
    return Arrays.copyOfRange(POOL, i % 4096, i % 4096 + length);
  }

  private static byte[] pool() {
    byte[] bytes = new byte[16384];
    for (int i = 0; i < bytes.length; i++) bytes[i] = (byte) (i * 167 + (i >> 8) * 31);
    return bytes;
  }
}

/** Records in files: those to be sent, and those that were read, each behind its offset. ../README.md has the format. */
final class RecordFile {
  private RecordFile() {}

  static List<ProducerRecord<byte[], byte[]>> read(String topic, Path tape) throws IOException {
    List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
    ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(tape));
    while (bytes.hasRemaining()) {
      int partition = bytes.getInt();
      long timestamp = bytes.getLong();
      byte[] key = take(bytes);
      byte[] value = take(bytes);
      List<Header> headers = new ArrayList<>();
      for (int left = bytes.getInt(); left > 0; left--) {
        String name = new String(take(bytes), StandardCharsets.UTF_8);
        headers.add(new RecordHeader(name, take(bytes)));
      }
      records.add(new ProducerRecord<>(topic, partition, timestamp, key, value, headers));
    }
    return records;
  }

  private static byte[] take(ByteBuffer bytes) {
    int size = bytes.getInt();
    if (size < 0) return null;
    byte[] taken = new byte[size];
    bytes.get(taken);
    return taken;
  }

  static DataOutputStream writeTo(Path file) throws IOException {
    return new DataOutputStream(new BufferedOutputStream(Files.newOutputStream(file)));
  }

  static void write(ConsumerRecord<byte[], byte[]> record, DataOutputStream out) throws IOException {
    out.writeLong(record.offset());
    out.writeInt(record.partition());
    out.writeLong(record.timestamp());
    write(record.key(), out);
    write(record.value(), out);
    Header[] headers = record.headers().toArray();
    out.writeInt(headers.length);
    for (Header header : headers) {
      write(header.key().getBytes(StandardCharsets.UTF_8), out);
      write(header.value(), out);
    }
  }

  private static void write(byte[] bytes, DataOutputStream out) throws IOException {
    out.writeInt(bytes == null ? -1 : bytes.length);
    if (bytes != null) out.write(bytes);
  }
}
