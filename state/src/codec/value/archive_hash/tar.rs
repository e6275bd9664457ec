//! The tar stream that archives are hashed as: what Go's `archive/tar` writes for regular files of mode 0600, dated 1970.
//!
//! A name that is ASCII and fits goes into a ustar header, split at a slash where it is longer than 100 bytes. Any other
//! goes into a PAX record before the header; the header then holds what old readers can make of it.

use sha2::{Digest, Sha256};

/// The length of a header, and of the blocks that data is padded to.
const BLOCK: usize = 512;
/// The length of the field for the name.
const NAME: usize = 100;
/// The length of the field for the folders before a name.
const PREFIX: usize = 155;

/// Writes header and data of a file.
pub(crate) fn write_entry(hash: &mut Sha256, name: &str, content: &[u8]) {
    match ustar_name(name) {
        Some((prefix, suffix)) => hash.update(file_header(&name_field(suffix), prefix, content.len())),
        None => {
            let record = pax_record("path", name);
            hash.update(record_header(name, record.len()));
            write_padded(hash, record.as_bytes());
            hash.update(file_header(&name_field(&ascii(name)), "", content.len()));
        }
    }
    write_padded(hash, content);
}

/// Writes the two empty blocks at the end.
pub(crate) fn write_end(hash: &mut Sha256) {
    hash.update([0; 2 * BLOCK]);
}

fn write_padded(hash: &mut Sha256, data: &[u8]) {
    hash.update(data);
    hash.update(&[0; BLOCK][..(BLOCK - data.len() % BLOCK) % BLOCK]);
}

/// Prefix and name of a ustar header, or nothing when the name doesn't fit.
fn ustar_name(name: &str) -> Option<(&str, &str)> {
    if !name.is_ascii() || name.contains('\0') {
        return None;
    }
    if name.len() <= NAME {
        return Some(("", name));
    }
    let searched = if name.len() > PREFIX + 1 { &name[..=PREFIX] } else { name.strip_suffix('/').unwrap_or(name) };
    let slash = searched.rfind('/')?;
    let (prefix, suffix) = (&name[..slash], &name[slash + 1..]);
    (!prefix.is_empty() && !suffix.is_empty() && suffix.len() <= NAME).then_some((prefix, suffix))
}

/// The part of a name that old readers understand.
fn ascii(name: &str) -> String {
    name.chars().filter(|character| character.is_ascii() && *character != '\0').collect()
}

/// A name in its field. One that is cut off at a slash loses that, so that it doesn't look like a folder's.
fn name_field(name: &str) -> [u8; NAME] {
    let mut field = [0; NAME];
    let length = name.len().min(NAME);
    field[..length].copy_from_slice(&name.as_bytes()[..length]);
    if name.len() > NAME && field[NAME - 1] == b'/' {
        let end = name[..NAME - 1].trim_end_matches('/').len();
        field[end] = 0;
    }
    field
}

/// `<length> <key>=<value>\n`, where the length counts itself.
fn pax_record(key: &str, value: &str) -> String {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + rest.to_string().len();
    if rest + length.to_string().len() != length {
        length = rest + length.to_string().len();
    }
    format!("{length} {key}={value}\n")
}

/// The header of the PAX record for a name.
fn record_header(name: &str, size: usize) -> [u8; BLOCK] {
    let (folder, file) = name.rfind('/').map_or(("", name), |slash| name.split_at(slash + 1));
    let mut record_name = ascii(&super::slash_path::join(&[folder, "PaxHeaders.0", file]));
    record_name.truncate(NAME);
    let mut block = [0; BLOCK];
    put(&mut block, 0, record_name.trim_end_matches('/').as_bytes());
    put(&mut block, 100, b"0000000");
    finish(block, size, b'x')
}

fn file_header(name: &[u8; NAME], prefix: &str, size: usize) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    put(&mut block, 0, name);
    put(&mut block, 100, b"0000600");
    // Device numbers, which the headers of records don't have.
    put(&mut block, 329, b"0000000");
    put(&mut block, 337, b"0000000");
    put(&mut block, 345, prefix.as_bytes());
    finish(block, size, b'0')
}

fn put(block: &mut [u8; BLOCK], at: usize, bytes: &[u8]) {
    block[at..at + bytes.len()].copy_from_slice(bytes);
}

/// Puts in what all headers have: owner, group, size, time, type, magic, and last the sum of it all.
fn finish(mut block: [u8; BLOCK], size: usize, kind: u8) -> [u8; BLOCK] {
    put(&mut block, 108, b"0000000");
    put(&mut block, 116, b"0000000");
    put(&mut block, 124, format!("{size:011o}").as_bytes());
    put(&mut block, 136, b"00000000000");
    put(&mut block, 156, &[kind]);
    put(&mut block, 257, b"ustar\x0000");
    // The sum's own field counts as spaces.
    put(&mut block, 148, b"        ");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    put(&mut block, 148, format!("{sum:06o}\0").as_bytes());
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_split_or_go_into_a_pax_record() {
        let long = format!("{}/{}", "d".repeat(120), "f".repeat(90));
        assert_eq!(ustar_name(&long), Some((&*"d".repeat(120), &*"f".repeat(90))));
        assert_eq!(ustar_name(&"f".repeat(101)), None);
        assert_eq!(ustar_name("ä"), None);
        assert_eq!(pax_record("path", "ä"), "11 path=ä\n");
        // Lengths around the point where their own digits push them over a power of ten.
        for length in 80..=100 {
            let record = pax_record("path", &"x".repeat(length));
            assert_eq!(record.split_once(' ').unwrap().0.parse::<usize>().unwrap(), record.len());
        }
    }

    #[test]
    fn a_name_that_is_cut_off_at_a_slash_loses_it() {
        let name = format!("{}//{}", "d".repeat(98), "f".repeat(200));
        assert_eq!(name_field(&name)[97..], [b'd', 0, b'/']);
    }
}
