//! Produces or consumes with librdkafka as fast as it goes, or at a given rate, and prints one line of JSON (see ./driver).
use std::env::args;
use std::error::Error;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::util::get_rdkafka_version;
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};

type Outcome<T> = Result<T, Box<dyn Error>>;

const TIMEOUT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(100);
/// Delivery reports are fetched after so many records: one by one they would cost more than the records.
const RECORDS_PER_POLL: u64 = 1000;

fn main() -> Outcome<()> {
    let words: Vec<String> = args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["version"] => println!("{}", get_rdkafka_version().1),
        ["produce", broker, topic, records, size, ref properties @ ..] => {
            produce(&config(broker, properties)?, topic, records.parse()?, size.parse()?)?;
        }
        ["consume", broker, topic, partitions, records, ref properties @ ..] => {
            consume(&config(broker, properties)?, topic, partitions.parse()?, records.parse()?)?;
        }
        _ => {
            return Err("usage: driver version | produce BROKER TOPIC RECORDS SIZE [KEY=VALUE…] \
                         | consume BROKER TOPIC PARTITIONS RECORDS [KEY=VALUE…]"
                .into());
        }
    }
    Ok(())
}

fn config(broker: &str, properties: &[&str]) -> Outcome<ClientConfig> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker);
    for property in properties {
        let (key, value) = property.split_once('=').ok_or("a property is given as KEY=VALUE")?;
        config.set(key, value);
    }
    Ok(config)
}

/// What the delivery reports say. They come in the thread that polls; the lock is never contended.
struct Deliveries {
    start: Instant,
    state: Mutex<DeliveryState>,
}

#[derive(Default)]
struct DeliveryState {
    latencies_us: Vec<u32>,
    failure: Option<KafkaError>,
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    /// Microseconds from the start to the call that handed the record over.
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, sent_us: usize) {
        let mut state = self.state.lock().unwrap();
        match result {
            Ok(_) => state.latencies_us.push((self.start.elapsed().as_micros() as usize - sent_us) as u32),
            Err((error, _)) => state.failure = Some(error.clone()),
        }
    }
}

fn produce(config: &ClientConfig, topic: &str, records: u64, size: usize) -> Outcome<()> {
    // Letters that do not repeat within a record; what they are does not matter to a broker.
    let payload: Vec<u8> = (0..size).map(|at| b'A' + (at * at % 26) as u8).collect();
    let state = Mutex::new(DeliveryState { latencies_us: Vec::with_capacity(records as usize), failure: None });
    let producer: BaseProducer<Deliveries> = config.create_with_context(Deliveries { start: Instant::now(), state })?;
    let context = producer.client().context();
    producer.client().fetch_metadata(Some(topic), TIMEOUT)?;
    let begin = Instant::now();
    for sent in 0..records {
        loop {
            let sent_us = context.start.elapsed().as_micros() as usize;
            let record = BaseRecord::<(), [u8], usize>::with_opaque_to(topic, sent_us).payload(&payload);
            match producer.send(record) {
                Ok(()) => break,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => drop(producer.poll(POLL)),
                Err((error, _)) => return Err(error.into()),
            }
        }
        if sent % RECORDS_PER_POLL == 0 {
            producer.poll(Duration::ZERO);
        }
    }
    producer.flush(TIMEOUT)?;
    let seconds = begin.elapsed().as_secs_f64();
    let mut state = context.state.lock().unwrap();
    if let Some(failure) = state.failure.take() {
        return Err(failure.into());
    }
    if state.latencies_us.len() as u64 != records {
        return Err(format!("{} of {records} records were acknowledged", state.latencies_us.len()).into());
    }
    state.latencies_us.sort_unstable();
    let at = |share: f64| f64::from(state.latencies_us[((records - 1) as f64 * share) as usize]) / 1000.0;
    let mean = state.latencies_us.iter().map(|&us| f64::from(us)).sum::<f64>() / records as f64 / 1000.0;
    let (p50, p99) = (at(0.5), at(0.99));
    println!(
        r#"{{"records":{records},"bytes":{},"seconds":{seconds},"latency":{{"meanMs":{mean},"p50Ms":{p50},"p99Ms":{p99}}}}}"#,
        records * size as u64
    );
    Ok(())
}

/// Reads so many records from the beginning of all partitions. The clock starts with the first of them: until librdkafka
/// knows who leads its partitions it waits half a second, whatever the broker does.
fn consume(config: &ClientConfig, topic: &str, partitions: i32, records: u64) -> Outcome<()> {
    let mut config = config.clone();
    config.set("group.id", "librdkafka-driver").set("enable.auto.commit", "false");
    let consumer: BaseConsumer = config.create()?;
    let mut all = TopicPartitionList::new();
    for partition in 0..partitions {
        all.add_partition_offset(topic, partition, Offset::Beginning)?;
    }
    consumer.assign(&all)?;
    let mut bytes = 0;
    let mut begin = None;
    for received in 0..records {
        let Some(message) = consumer.poll(TIMEOUT) else {
            return Err(format!("no record for {TIMEOUT:?} after {received} of {records}").into());
        };
        begin.get_or_insert_with(Instant::now);
        bytes += message?.payload().map_or(0, <[u8]>::len);
    }
    let seconds = begin.ok_or("no records were asked for")?.elapsed().as_secs_f64();
    println!(r#"{{"records":{records},"bytes":{bytes},"seconds":{seconds}}}"#);
    Ok(())
}
