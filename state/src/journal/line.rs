//! A line of a journal: `[sequence, "checksum", record]`, or `[sequence, "checksum", record, durable]`.
//!
//! The checksum is the CRC-32 of sequence, durable mark and record. The first line of each group that was written at once
//! carries the durable mark: the number of lines that were safely on disk before. So a damaged line can be told from a
//! torn end: nothing that was safely on disk may be damaged.

use serde_json::value::RawValue;

/// A line that is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line<'t> {
    pub sequence: u64,
    pub record: &'t str,
    /// How many lines were durable when this one was written.
    pub durable: Option<u64>,
}

fn checksum(sequence: u64, record: &str, durable: Option<u64>) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&sequence.to_le_bytes());
    hasher.update(&durable.map_or(u64::MAX, |durable| durable).to_le_bytes());
    hasher.update(record.as_bytes());
    hasher.finalize()
}

/// Appends a line.
pub(super) fn write(out: &mut Vec<u8>, Line { sequence, record, durable }: Line<'_>) {
    use std::io::Write as _;
    let sum = checksum(sequence, record, durable);
    // Writing to memory doesn't fail.
    let _ = match durable {
        None => writeln!(out, "[{sequence},\"{sum:08x}\",{record}]"),
        Some(durable) => writeln!(out, "[{sequence},\"{sum:08x}\",{record},{durable}]"),
    };
}

/// Reads a line, without its end.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read(text: &[u8]) -> Result<Line<'_>, &'static str> {
    let text = std::str::from_utf8(text).map_err(|_| "it isn't UTF-8")?;
    let parts: Vec<&RawValue> = serde_json::from_str(text).map_err(|_| "it isn't a JSON list")?;
    let (sequence, sum, record, durable) = match *parts.as_slice() {
        [sequence, sum, record] => (sequence, sum, record, None),
        [sequence, sum, record, durable] => (sequence, sum, record, Some(durable)),
        _ => return Err("it doesn't have three or four members"),
    };
    let number = |raw: &RawValue| raw.get().parse::<u64>().map_err(|_| "its sequence is not a number");
    let sequence = number(sequence)?;
    let durable = durable.map(number).transpose()?;
    let sum = sum.get().trim_matches('"');
    let record = record.get();
    if u32::from_str_radix(sum, 16).ok() != Some(checksum(sequence, record, durable)) {
        return Err("its checksum is wrong");
    }
    Ok(Line { sequence, record, durable })
}
