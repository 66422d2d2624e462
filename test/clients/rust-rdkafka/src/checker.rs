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

    /// Looks for what is missing, as all was read.
    pub fn finish(&mut self) {
        for (index, (fate, found)) in self.sent.fates.iter().zip(&self.found).enumerate() {
            match (*fate, *found) {
                (Fate::At(acknowledged), None) => {
                    self.problems.push(format!("record {index}, acknowledged at offset {acknowledged}, is lost"));
                }
                (Fate::WithoutOffset, None) => self.problems.push(format!("record {index} is lost")),
                (Fate::At(acknowledged), Some(offset)) if acknowledged != offset => {
                    self.problems.push(format!("record {index} is at offset {offset}, acknowledged at {acknowledged}"));
                }
                _ => {}
            }
        }
    }

    /// Prints the answer to the command `read`.
    pub fn report(&self) {
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

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: i64 = 1_000_000;
    const PARTITIONS: usize = 4;
    /// Has a key, a value and headers.
    const WANTED: usize = 18;

    struct Bent {
        partition: usize,
        offset: i64,
        timestamp: i64,
        key: Option<Vec<u8>>,
        value: Option<Vec<u8>>,
        headers: Vec<record::Header>,
        copies: usize,
    }

    /// Checks 100 acknowledged records, with record WANTED bent; returns records, duplicates and problems.
    fn read(bend: impl Fn(&mut Bent)) -> (usize, usize, Vec<String>) {
        let next = |index: usize| (index / PARTITIONS) as i64;
        let sent = Sent { base_timestamp: BASE, fates: (0..100).map(|index| Fate::At(next(index))).collect() };
        let mut checker = Checker::new(&sent, PARTITIONS);
        for index in 0..100 {
            let mut bent = Bent {
                partition: index % PARTITIONS,
                offset: next(index),
                timestamp: record::timestamp(index, BASE),
                key: record::key(index),
                value: record::value(index),
                headers: record::headers(index),
                copies: 1,
            };
            if index == WANTED {
                bend(&mut bent);
            }
            for copy in 0..bent.copies {
                checker.check(&Received {
                    partition: bent.partition,
                    offset: bent.offset + 1000 * copy as i64,
                    timestamp: bent.timestamp,
                    key: bent.key.as_deref(),
                    value: bent.value.as_deref(),
                    headers: bent.headers.iter().map(|(name, value)| (*name, value.as_deref())).collect(),
                });
            }
        }
        checker.finish();
        (checker.records, checker.duplicates, checker.problems)
    }

    #[test]
    fn all_as_sent_is_no_problem() {
        assert_eq!(read(|_| {}), (100, 0, vec![]));
    }

    #[test]
    fn every_difference_is_noticed() {
        let bends: [(&str, fn(&mut Bent)); 10] = [
            ("another key", |bent| bent.key = None),
            ("another value", |bent| bent.value = None),
            ("another value", |bent| bent.value.as_mut().unwrap()[0] ^= 1),
            ("other headers", |bent| bent.headers[1].1 = Some(Vec::new())),
            ("other headers", |bent| bent.headers.truncate(2)),
            ("unknown timestamp", |bent| bent.timestamp += 3_600_000),
            ("comes after", |bent| bent.timestamp = record::timestamp(98, BASE)),
            ("the wrong partition", |bent| bent.partition = (bent.partition + 1) % PARTITIONS),
            ("is lost", |bent| bent.copies = 0),
            ("acknowledged at", |bent| bent.offset += 1),
        ];
        for (problem, bend) in bends {
            let (_, _, problems) = read(bend);
            assert!(problems.join("\n").contains(problem), "not noticed: {problem}, only {problems:?}");
        }
    }

    #[test]
    fn duplicates_are_counted_and_no_problem() {
        assert_eq!(read(|bent| bent.copies = 3), (102, 2, vec![]));
    }

    #[test]
    fn an_acknowledged_copy_after_another_is_no_problem() {
        let before = |bent: &mut Bent| {
            bent.offset -= 1000;
            bent.copies = 2;
        };
        assert_eq!(read(before), (101, 1, vec![]));
    }

    #[test]
    fn a_record_without_an_offset_must_be_there() {
        for (fate, problems) in [(Fate::NotAcknowledged, 0), (Fate::WithoutOffset, 1)] {
            let sent = Sent { base_timestamp: BASE, fates: vec![fate] };
            let mut checker = Checker::new(&sent, 1);
            checker.finish();
            assert_eq!(checker.problems.len(), problems);
        }
    }
}
