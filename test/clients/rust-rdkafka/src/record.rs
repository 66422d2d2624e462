//! What a record holds, by its index (../README.md).
use std::sync::LazyLock;

pub type Header = (&'static str, Option<Vec<u8>>);

pub fn timestamp(index: usize, base: i64) -> i64 {
    base + (index ^ 5) as i64
}

/// The index that a timestamp names, whether there is such a record or not.
pub fn index_of(timestamp: i64, base: i64) -> Option<usize> {
    usize::try_from((timestamp - base) ^ 5).ok()
}

pub fn key(i: usize) -> Option<Vec<u8>> {
    match i % 5 {
        0 => None,
        1 => Some(Vec::new()),
        _ => Some(format!("clé-{i}").into_bytes()),
    }
}

pub fn value(i: usize) -> Option<Vec<u8>> {
    match i % 7 {
        0 => None,
        1 => Some(Vec::new()),
        _ => Some(slice(i, if i % 1000 == 999 { 6000 } else { 20 + i % 180 })),
    }
}

pub fn headers(i: usize) -> Vec<Header> {
    match i % 4 {
        0 => Vec::new(),
        1 => vec![("index", Some(i.to_string().into_bytes()))],
        2 => vec![("a", Some(b"1".to_vec())), ("a", None), ("", Some(Vec::new()))],
        _ => vec![("trace", Some(slice(i, 16)))],
    }
}

fn slice(i: usize, length: usize) -> Vec<u8> {
    POOL[i % 4096..][..length].to_vec()
}

static POOL: LazyLock<Vec<u8>> = LazyLock::new(|| (0..16384).map(|i| (i * 167 + (i >> 8) * 31) as u8).collect());
