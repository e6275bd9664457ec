//! Journals.

use state::JournalContents;

/// Reads a journal as it is; and as one whose lines are the content's, each with its number and the right checksum, so that
/// what is behind the checksums is reached, too.
pub fn journal(content: &[u8]) {
    read(content);
    let mut framed = Vec::new();
    for (sequence, record) in content.split(|byte| *byte == b'\n').enumerate() {
        let Ok(record) = std::str::from_utf8(record) else { continue };
        // The first of some lines says that those before it are durable.
        let durable = sequence.is_multiple_of(3).then_some(sequence as u64);
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(&(sequence as u64).to_le_bytes());
        checksum.update(&durable.unwrap_or(u64::MAX).to_le_bytes());
        checksum.update(record.as_bytes());
        let sum = checksum.finalize();
        let durable = durable.map(|durable| format!(",{durable}")).unwrap_or_default();
        framed.extend_from_slice(format!("[{sequence},\"{sum:08x}\",{record}{durable}]\n").as_bytes());
    }
    read(&framed);
}

fn read(content: &[u8]) {
    let Ok(Some(contents)) = JournalContents::read(content, "dev.semantest-journal") else { return };
    let whole = contents.length;
    assert!(whole <= content.len() as u64);
    // Cut off where it is whole it says the same, and nothing is torn.
    let start = usize::try_from(whole).expect("a length");
    let again = JournalContents::read(&content[..start], "again").expect("it is whole").expect("it has a header");
    assert_eq!(again.records, contents.records);
    assert!(again.torn.is_none());
}
