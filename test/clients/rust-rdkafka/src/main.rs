//! The Rust side of ../crash-suite.ts, with librdkafka: commands on stdin, answers on stdout (../README.md).
mod checker;
mod record;

use std::collections::HashMap;
use std::error::Error;
use std::io::{Lines, StdinLock, stdin};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use checker::{Checker, Fate, Received, Sent};
use futures_executor::block_on;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{BorrowedMessage, DeliveryResult, Header, Headers, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use rdkafka::{ClientConfig, ClientContext, Message, Offset, TopicPartitionList};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// For everything that has to wait for the broker, also while it is started again.
const TIMEOUT: Duration = Duration::from_secs(300);
/// How long acknowledged records may take until they are below the end offsets.
const PATIENCE: Duration = Duration::from_secs(30);

struct CrashClient {
    address: String,
    commands: Lines<StdinLock<'static>>,
    partitions: HashMap<String, usize>,
    sent: HashMap<String, Sent>,
}

fn main() -> Outcome<()> {
    let address = std::env::args().next_back().ok_or("the address of the broker is missing")?;
    let mut client =
        CrashClient { address, commands: stdin().lines(), partitions: HashMap::new(), sent: HashMap::new() };
    while let Some(line) = client.commands.next() {
        client.execute(&line?.split(' ').collect::<Vec<_>>())?;
    }
    Ok(())
}

impl CrashClient {
    fn execute(&mut self, words: &[&str]) -> Outcome<()> {
        match *words {
            ["codecs"] => println!("codecs none gzip snappy lz4 zstd"),
            ["create", topic, partitions] => self.create(topic, partitions.parse()?)?,
            ["produce", topic, records, base_timestamp, codec, acks, ref checkpoints @ ..] => {
                let checkpoints = checkpoints.iter().map(|word| word.parse()).collect::<Result<Vec<_>, _>>()?;
                let config = self.producer_config(codec, acks);
                self.produce(topic, records.parse()?, base_timestamp.parse()?, &config, &checkpoints)?;
            }
            ["read", topic, expected] => self.read(topic, expected)?,
            _ => return Err(format!("unknown command {words:?}").into()),
        }
        Ok(())
    }

    fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.address);
        config
    }

    fn create(&mut self, topic: &str, partitions: usize) -> Outcome<()> {
        let admin: AdminClient<DefaultClientContext> = self.config().create()?;
        let wanted = NewTopic::new(topic, partitions as i32, TopicReplication::Fixed(1));
        for result in block_on(admin.create_topics([&wanted], &AdminOptions::new()))? {
            result.map_err(|(_, code)| code)?;
        }
        self.partitions.insert(topic.to_owned(), partitions);
        println!("created");
        Ok(())
    }

    fn producer_config(&self, codec: &str, acks: &str) -> ClientConfig {
        let mut config = self.config();
        config
            .set("acks", acks)
            .set("enable.idempotence", (acks == "all").to_string())
            .set("compression.type", codec)
            .set("message.timeout.ms", TIMEOUT.as_millis().to_string())
            .set("queue.buffering.max.messages", "1000000");
        config
    }

    fn produce(
        &mut self,
        topic: &str,
        records: usize,
        base_timestamp: i64,
        config: &ClientConfig,
        checkpoints: &[usize],
    ) -> Outcome<()> {
        let fates = Arc::new(Mutex::new(vec![Fate::NotAcknowledged; records]));
        let producer: ThreadedProducer<Deliveries> = config.create_with_context(Deliveries(fates.clone()))?;
        let partitions = self.partitions[topic];
        for i in 0..records {
            if checkpoints.contains(&i) {
                println!("checkpoint {i}");
                self.commands.next().ok_or("no word to go on")??;
            }
            let (key, value, headers) = (record::key(i), record::value(i), record::headers(i));
            let headers = headers
                .iter()
                .fold(OwnedHeaders::new(), |all, (key, value)| all.insert(Header { key, value: value.as_ref() }));
            let mut record = BaseRecord::with_opaque_to(topic, i)
                .partition((i % partitions) as i32)
                .timestamp(record::timestamp(i, base_timestamp))
                .headers(headers);
            record.key = key.as_ref();
            record.payload = value.as_ref();
            producer.send(record).map_err(|(failure, _)| failure)?;
        }
        producer.flush(TIMEOUT)?;
        let fates = std::mem::take(&mut *fates.lock().unwrap());
        let sent = Sent { base_timestamp, fates };
        println!("produced {}", sent.acknowledged());
        self.sent.insert(topic.to_owned(), sent);
        Ok(())
    }

    fn read(&self, topic: &str, expected: &str) -> Outcome<()> {
        let consumer: BaseConsumer = self
            .config()
            .set("group.id", "by-assignment") // demanded, but not joined
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "error")
            .set("check.crcs", "true")
            .create()?;
        let partitions = self.partitions[topic];
        let ends = end_offsets(&consumer, topic, partitions, self.sent[topic].acknowledged())?;
        let mut assignment = TopicPartitionList::new();
        for partition in 0..partitions {
            assignment.add_partition_offset(topic, partition as i32, Offset::Offset(0))?;
        }
        consumer.assign(&assignment)?;

        let mut checker = Checker::new(&self.sent[expected], partitions);
        let mut left = ends.iter().filter(|&&end| end > 0).count();
        while left > 0 {
            let message = consumer.poll(TIMEOUT).ok_or("no more records come")??;
            checker.check(&received(&message));
            if message.offset() + 1 == ends[message.partition() as usize] {
                left -= 1;
            }
        }
        checker.finish();
        checker.report();
        Ok(())
    }
}

/// Waits until `acknowledged` records are below the end offsets: with acks=0 they may yet be on their way.
fn end_offsets(consumer: &BaseConsumer, topic: &str, partitions: usize, acknowledged: i64) -> Outcome<Vec<i64>> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let ends = (0..partitions)
            .map(|partition| consumer.fetch_watermarks(topic, partition as i32, TIMEOUT).map(|(_, end)| end))
            .collect::<Result<Vec<_>, _>>()?;
        if ends.iter().sum::<i64>() >= acknowledged || Instant::now() > deadline {
            return Ok(ends);
        }
    }
}

fn received<'a>(message: &'a BorrowedMessage) -> Received<'a> {
    let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
    Received {
        partition: message.partition() as usize,
        offset: message.offset(),
        timestamp: message.timestamp().to_millis().unwrap_or(-1),
        key: message.key(),
        value: message.payload(),
        headers: headers.map(|header| (header.key, header.value)).collect(),
    }
}

/// Takes what became of each record, by its index.
struct Deliveries(Arc<Mutex<Vec<Fate>>>);

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, index: usize) {
        match result {
            Ok(message) => {
                let offset = message.offset();
                self.0.lock().unwrap()[index] = if offset < 0 { Fate::WithoutOffset } else { Fate::At(offset) };
            }
            Err((failure, _)) => eprintln!("record {index}: {failure}"),
        }
    }
}
