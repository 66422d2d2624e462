//! Compares what is read with what was sent.
use crate::record;

const MAX_PROBLEMS: usize = 10;

/// What became of a record that was sent.
#[derive(Clone, Copy, PartialEq)]
pub enum Fate {
    NotAcknowledged,
    WithoutOffset,
    At(i64),
}

/// What was produced to one topic.
pub struct Sent {
    pub base_timestamp: i64,
    pub fates: Vec<Fate>,
}

impl Sent {
    pub fn acknowledged(&self) -> i64 {
        self.fates.iter().filter(|&&fate| fate != Fate::NotAcknowledged).count() as i64
    }
}

/// A record that was read.
pub struct Received<'a> {
    pub partition: usize,
    pub offset: i64,
    pub timestamp: i64,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub headers: Vec<(&'a str, Option<&'a [u8]>)>,
}

pub struct Checker<'a> {
    sent: &'a Sent,
    /// Where each record was found: of several copies, where it was acknowledged.
    found: Vec<Option<i64>>,
    /// The index of the last new record of each partition.
    previous: Vec<Option<usize>>,
    records: usize,
    duplicates: usize,
    problems: Vec<String>,
}

impl<'a> Checker<'a> {
    pub fn new(sent: &'a Sent, partitions: usize) -> Self {
        Checker {
            sent,
            found: vec![None; sent.fates.len()],
            previous: vec![None; partitions],
            records: 0,
            duplicates: 0,
            problems: Vec::new(),
        }
    }

    pub fn check(&mut self, record: &Received) {
        self.records += 1;
        if let Err(problem) = self.examine(record) {
            self.problems.push(format!("partition {}: {problem}", record.partition));
        }
    }

    fn examine(&mut self, record: &Received) -> Result<(), String> {
        let Received { partition, offset, timestamp, .. } = *record;
        let index = record::index_of(timestamp, self.sent.base_timestamp)
            .filter(|&index| index < self.found.len())
            .ok_or_else(|| format!("offset {offset} has the unknown timestamp {timestamp}"))?;
        let duplicate = self.found[index].is_some();
        if duplicate {
            self.duplicates += 1;
        }
        if !duplicate || self.sent.fates[index] == Fate::At(offset) {
            self.found[index] = Some(offset);
        }
        if partition != index % self.previous.len() {
            return Err(format!("record {index} is in the wrong partition"));
        }
        if !duplicate {
            if let Some(previous) = self.previous[partition].filter(|&previous| index < previous) {
                return Err(format!("record {index} comes after {previous}"));
            }
            self.previous[partition] = Some(index);
        }
        if record.key != record::key(index).as_deref() {
            return Err(format!("record {index} has another key"));
        }
        if record.value != record::value(index).as_deref() {
            return Err(format!("record {index} has another value"));
        }
        let headers = record::headers(index);
        if !record.headers.iter().copied().eq(headers.iter().map(|(name, value)| (*name, value.as_deref()))) {
            return Err(format!("record {index} has other headers"));
        }
        Ok(())
    }

    /// Prints the answer to the command `read`: all was read.
    pub fn report(mut self) {
        for (index, (fate, found)) in self.sent.fates.iter().zip(&self.found).enumerate() {
            match (fate, found) {
                (Fate::NotAcknowledged, _) | (Fate::WithoutOffset, Some(_)) => {}
                (Fate::At(acknowledged), Some(offset)) if acknowledged == offset => {}
                (Fate::At(acknowledged), Some(offset)) => {
                    self.problems.push(format!("record {index} is at offset {offset}, acknowledged at {acknowledged}"))
                }
                (Fate::At(acknowledged), None) => {
                    self.problems.push(format!("record {index}, acknowledged at offset {acknowledged}, is lost"))
                }
                (Fate::WithoutOffset, None) => self.problems.push(format!("record {index} is lost")),
            }
        }
        for problem in self.problems.iter().take(MAX_PROBLEMS) {
            println!("problem {problem}");
        }
        if self.problems.len() > MAX_PROBLEMS {
            println!("problem … and {} more", self.problems.len() - MAX_PROBLEMS);
        }
        let without_offset = self.sent.fates.iter().filter(|&&fate| fate == Fate::WithoutOffset).count();
        println!("read {} {without_offset} {}", self.records, self.duplicates);
    }
}
