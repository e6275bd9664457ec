//! Reading a journal: a torn end is cut off, damage before it is an error.

use serde::de::DeserializeOwned;

use super::line::{self, Line};
use super::{CheckpointName, FORMAT, JournalError, JournalHeader, KIND, SecretsName};
use crate::codec::json::Json;
use crate::secrets::SecretsProvider;
use crate::store::CheckpointDigest;

/// What a journal holds.
#[derive(Clone, Debug)]
pub struct JournalContents {
    /// What it starts with.
    pub header: JournalHeader,
    /// All records that are whole, in order.
    pub records: Vec<JournalRecord>,
    /// The checkpoints that were (or were about to be) written while it was open.
    pub checkpoints: Vec<CheckpointDigest>,
    /// The manager that encrypted secrets in the records, where the checkpoint that they began with names none.
    pub secrets: Option<SecretsProvider>,
    /// What was cut off, when the last write didn't get to its end.
    pub torn: Option<TornTail>,
    /// Length of what is whole, in bytes.
    pub length: u64,
}

impl JournalContents {
    /// Reads a journal's content; nothing when not even its header is whole: then nothing was recorded. `file` is its name in
    /// errors.
    ///
    /// # Errors
    /// When it isn't a journal, or what was safely on disk is damaged.
    pub fn read(content: &[u8], file: &str) -> Result<Option<Self>, JournalError> {
        parse(content, file)
    }

    /// Whether the records may be folded over a checkpoint (`None`: there is none). If not, another program has written it
    /// since the deployment began.
    pub fn belongs_to(&self, checkpoint: Option<&CheckpointDigest>) -> bool {
        self.header.checkpoint.as_ref() == checkpoint
            || checkpoint.is_some_and(|checkpoint| self.checkpoints.contains(checkpoint))
    }
}

/// A record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalRecord {
    /// Its number, from 1.
    pub sequence: u64,
    /// The record; opaque.
    pub record: Json,
}

impl JournalRecord {
    /// Reads the record as a type.
    ///
    /// # Errors
    /// When it has another shape.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        self.record.parse()
    }
}

/// The end of a journal that wasn't written whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TornTail {
    /// Where it starts.
    pub offset: u64,
    /// Its length in bytes.
    pub length: u64,
}

/// Reads the content of the journal of a deployment that runs or died; nothing when nothing is recorded in it. Each deployment
/// records what it is about to do before it does anything.
pub(crate) fn open(content: &[u8], file: &str) -> Result<Option<JournalContents>, JournalError> {
    Ok(parse(content, file)?.filter(|found| !found.records.is_empty()))
}

/// Reads a journal's content; nothing when not even its header is whole: then nothing was recorded.
pub(crate) fn parse(content: &[u8], file: &str) -> Result<Option<JournalContents>, JournalError> {
    let mut lines = Lines { content, offset: 0 };
    let mut contents: Option<JournalContents> = None;
    let mut expected = 0;
    while let Some((offset, text)) = lines.next() {
        let checked = text
            .ok_or("it has no end")
            .and_then(line::read)
            .and_then(|line| if line.sequence == expected { Ok(line) } else { Err("it is out of sequence") });
        let line = match checked {
            Ok(line) => line,
            Err(message) => {
                if expected == 0 && !could_be_ours(content) {
                    return Err(JournalError::NotAJournal { file: file.to_owned(), message: message.to_owned() });
                }
                if later_lines_rely_on(expected, text, &mut lines) {
                    return Err(JournalError::Corrupt {
                        file: file.to_owned(),
                        line: expected + 1,
                        offset,
                        message: message.to_owned(),
                    });
                }
                if let Some(contents) = &mut contents {
                    contents.torn = Some(TornTail { offset, length: content.len() as u64 - offset });
                }
                break;
            }
        };
        match &mut contents {
            None => {
                contents = Some(JournalContents {
                    header: header(&line, file)?,
                    records: Vec::new(),
                    checkpoints: Vec::new(),
                    secrets: None,
                    torn: None,
                    length: 0,
                });
            }
            Some(contents) => {
                if let Some(name) = own::<CheckpointName>(line.record, "semantest-checkpoint") {
                    contents.checkpoints.push(name.digest);
                } else if let Some(name) = own::<SecretsName>(line.record, "semantest-secrets") {
                    contents.secrets = Some(name.provider());
                } else {
                    contents.records.push(JournalRecord {
                        sequence: line.sequence,
                        record: Json::checked(bytes::Bytes::copy_from_slice(line.record.as_bytes())),
                    });
                }
            }
        }
        expected += 1;
        if let Some(contents) = &mut contents {
            contents.length = lines.offset as u64;
        }
    }
    Ok(contents)
}

/// A record of the journal's own, by its only member.
fn own<T: DeserializeOwned>(record: &str, member: &str) -> Option<T> {
    let is_it = record
        .strip_prefix("{\"")
        .and_then(|rest| rest.strip_prefix(member))
        .is_some_and(|rest| rest.starts_with("\":"));
    is_it.then(|| serde_json::from_str(record).ok()).flatten()
}

fn header(line: &Line<'_>, file: &str) -> Result<JournalHeader, JournalError> {
    let not_ours = |message: &str| JournalError::NotAJournal { file: file.to_owned(), message: message.to_owned() };
    let header: serde_json::Value =
        serde_json::from_str(line.record).map_err(|_| not_ours("its first line holds no header"))?;
    if header.get("kind").and_then(serde_json::Value::as_str) != Some(KIND) {
        return Err(not_ours("its first line holds no header"));
    }
    let version = header.get("version").and_then(serde_json::Value::as_u64).unwrap_or_default();
    if version != u64::from(FORMAT) {
        return Err(JournalError::UnknownFormat { file: file.to_owned(), version });
    }
    serde_json::from_value(header).map_err(|error| not_ours(&error.to_string()))
}

/// Whether a content whose first line is damaged may be the torn beginning of a journal.
fn could_be_ours(content: &[u8]) -> bool {
    let start = b"[0,\"";
    content.iter().zip(start).all(|(found, expected)| found == expected || *found == 0)
}

/// Whether a line further on says that the damaged line of that number was safely on disk.
fn later_lines_rely_on(sequence: u64, damaged: Option<&[u8]>, lines: &mut Lines<'_>) -> bool {
    let relies = |text: &[u8]| {
        line::read(text)
            .is_ok_and(|line| line.sequence > sequence && line.durable.is_some_and(|durable| durable > sequence))
    };
    // Where the damage hit the line's end, the next line is joined to it.
    let next = format!("[{},\"", sequence + 1);
    let joined = damaged.and_then(|text| Some(&text[memchr::memmem::find(text, next.as_bytes())?..]));
    joined.is_some_and(relies) || lines.any(|(_, text)| text.is_some_and(relies))
}

/// Lines with their offsets; the last is `None` when it has no end.
struct Lines<'c> {
    content: &'c [u8],
    offset: usize,
}

impl<'c> Iterator for Lines<'c> {
    type Item = (u64, Option<&'c [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.content.get(self.offset..).filter(|rest| !rest.is_empty())?;
        let start = self.offset as u64;
        match memchr::memchr(b'\n', rest) {
            Some(end) => {
                self.offset += end + 1;
                Some((start, Some(&rest[..end])))
            }
            None => {
                self.offset = self.content.len();
                Some((start, None))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A journal of groups of records, and the offset of each line's end.
    fn journal(groups: &[usize]) -> (Vec<u8>, Vec<usize>) {
        let header = JournalHeader {
            kind: KIND.to_owned(),
            version: FORMAT,
            project: "shop".to_owned(),
            stack: "dev".to_owned(),
            deployment: "d1".to_owned(),
            fencing_token: 7,
            constants: serde_json::json!({ "user": "ann" }),
            checkpoint: None,
        };
        let (mut content, mut ends) = (Vec::new(), Vec::new());
        let mut sequence = 0;
        for (group, length) in [1].iter().chain(groups).enumerate() {
            let durable = sequence;
            for index in 0..*length {
                let record = match group {
                    0 => serde_json::to_string(&header).unwrap(),
                    _ => format!("{{\"event\":\"zweiundvierzig äöü\",\"number\":{sequence}}}"),
                };
                line::write(&mut content, Line { sequence, record: &record, durable: (index == 0).then_some(durable) });
                ends.push(content.len());
                sequence += 1;
            }
        }
        (content, ends)
    }

    #[test]
    fn a_journal_cut_at_any_byte_gives_the_records_before() {
        let (content, ends) = journal(&[1, 3, 2]);
        for length in 0..=content.len() {
            let whole = ends.iter().filter(|end| **end <= length).count();
            let found = parse(&content[..length], "journal").unwrap();
            match whole {
                0 => assert!(found.is_none(), "{length}"),
                _ => {
                    let found = found.unwrap();
                    assert_eq!(found.records.len(), whole - 1, "{length}");
                    let at_end = ends.contains(&length);
                    assert_eq!(found.torn.is_none(), at_end, "{length}");
                    assert_eq!(found.length as usize, ends[whole - 1]);
                    assert_eq!(found.header.constants["user"], "ann");
                }
            }
        }
    }

    #[test]
    fn a_changed_byte_is_never_taken_for_a_record() {
        let (content, ends) = journal(&[2, 3]);
        // Lines 0 to 2 are durable by the word of line 3; line 3 to 5 are one group.
        let original = parse(&content, "journal").unwrap().unwrap();
        for at in 0..content.len() {
            let mut damaged = content.clone();
            damaged[at] ^= 0x04;
            let line = ends.iter().filter(|end| **end <= at).count();
            match parse(&damaged, "journal") {
                Ok(Some(found)) => {
                    assert!(line >= 3, "byte {at} of line {line} was safely on disk");
                    assert_eq!(found.records[..], original.records[..found.records.len()]);
                    assert!(found.torn.is_some());
                }
                Ok(None) => panic!("byte {at}: the header was safely on disk"),
                Err(JournalError::Corrupt { line: number, .. }) => assert_eq!(number, line as u64 + 1, "byte {at}"),
                Err(JournalError::NotAJournal { .. }) => assert_eq!(line, 0, "byte {at}"),
                Err(other) => panic!("byte {at}: {other}"),
            }
        }
    }

    #[test]
    fn zeros_in_a_torn_group_cut_it_off() {
        let (mut content, ends) = journal(&[1, 3]);
        // The middle line of the last group never reached the disk, though the next did.
        content[ends[2]..ends[3]].fill(0);
        let found = parse(&content, "journal").unwrap().unwrap();
        assert_eq!(found.records.len(), 2);
        assert_eq!(found.torn.unwrap().offset as usize, ends[2]);
    }

    #[test]
    fn other_files_and_unknown_formats_are_refused() {
        assert!(matches!(parse(b"hello\nworld\n", "f"), Err(JournalError::NotAJournal { .. })));
        let mut content = Vec::new();
        line::write(
            &mut content,
            Line { sequence: 0, record: r#"{"kind":"semantest-journal","version":2}"#, durable: None },
        );
        assert!(matches!(parse(&content, "f"), Err(JournalError::UnknownFormat { version: 2, .. })));
        assert!(parse(b"", "f").unwrap().is_none());
    }
}
