//! A sealed object that grows: a head, and frames that are each sealed for their place behind it.
//!
//! A frame is `SEAL`, its number, the length of what follows, and salt, ciphertext and tag. What is authenticated with it is
//! the head (which has an identity of its own) and the number: a frame can't be taken out, moved or come from another
//! journal. Each is durable before the next is begun, so only the last may be torn by a crash, and what a crash leaves is
//! short or has zeros in it.

use bytes::Bytes;

use crate::seal::SealError;
use crate::seal::key::{SALT, SealingKey, TAG, Tag};
use crate::secrets::SecretsError;

const MAGIC: &[u8; 4] = b"SEAL";
/// Magic, number and length.
const PREFIX: usize = 4 + 8 + 4;
/// Ciphertext has no run of zeros of this length, but for one chance in 2^128.
const ZEROS: usize = 16;

fn context(head: &[u8], number: u64) -> Vec<u8> {
    let mut context = head.to_vec();
    context.extend_from_slice(&number.to_le_bytes());
    context
}

/// Seals a frame behind a head.
pub(in crate::seal) fn write(
    key: &SealingKey,
    head: &[u8],
    number: u64,
    content: &[u8],
    out: &mut Vec<u8>,
) -> Result<Tag, SecretsError> {
    let length = u32::try_from(SALT + content.len() + TAG).map_err(|_| SecretsError::Encrypt("a group is too long"))?;
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&number.to_le_bytes());
    out.extend_from_slice(&length.to_le_bytes());
    key.seal(&context(head, number), content, out)
}

/// What was found behind a head.
#[derive(Debug)]
pub(in crate::seal) struct Frames {
    /// The contents of all whole frames.
    pub content: Vec<u8>,
    pub count: u64,
    /// The first frame's tag.
    pub first: Option<Tag>,
}

/// One frame's place, as it says itself.
struct Frame {
    number: u64,
    /// Where its salt starts.
    start: usize,
    end: usize,
}

fn frame_at(content: &[u8], at: usize) -> Option<Frame> {
    let prefix = content.get(at..at + PREFIX)?;
    let (magic, rest) = prefix.split_at(4);
    let (number, length) = rest.split_at(8);
    if magic != MAGIC {
        return None;
    }
    let number = u64::from_le_bytes(number.try_into().ok()?);
    let length = u32::from_le_bytes(length.try_into().ok()?);
    let start = at + PREFIX;
    Some(Frame { number, start, end: start.checked_add(usize::try_from(length).ok()?)? })
}

/// Reads all frames of an object whose head is `length` bytes long.
///
/// # Errors
/// [`SealError::Journal`] when a frame is missing or damaged that a crash can't have torn.
pub(in crate::seal) fn read(key: &SealingKey, object: &Bytes, length: usize, file: &str) -> Result<Frames, SealError> {
    let head = &object[..length];
    let mut found = Frames { content: Vec::new(), count: 0, first: None };
    let mut at = length;
    while at < object.len() {
        let open = |frame: &Frame| {
            let body = Bytes::copy_from_slice(object.get(frame.start..frame.end)?);
            key.open(&context(head, frame.number), body, 0).ok()
        };
        let frame = frame_at(object, at);
        if let Some(frame) = &frame
            && frame.number == found.count
            && let Some((content, tag)) = open(frame)
        {
            found.first.get_or_insert(tag);
            found.content.extend_from_slice(&content);
            found.count += 1;
            at = frame.end;
            continue;
        }
        let message = match &frame {
            Some(frame) if frame.number != found.count && open(frame).is_some() => "a frame before it is missing",
            _ if has_later_frame(object, at + 1, found.count, open) => "it was changed, though a later one is whole",
            _ if is_torn(object, at, frame.as_ref()) => break,
            _ => "it was changed after it was sealed",
        };
        return Err(SealError::Journal { file: file.to_owned(), frame: found.count, offset: at as u64, message });
    }
    Ok(found)
}

/// Whether an authentic frame stands further on.
fn has_later_frame(object: &Bytes, from: usize, count: u64, open: impl Fn(&Frame) -> Option<(Bytes, Tag)>) -> bool {
    let starts = memchr::memmem::find_iter(&object[from.min(object.len())..], MAGIC);
    let mut frames = starts.filter_map(|start| frame_at(object, from + start));
    frames.any(|frame| frame.number >= count && open(&frame).is_some())
}

/// Whether a crash may have left the end like this: cut short, or never filled.
fn is_torn(object: &Bytes, at: usize, frame: Option<&Frame>) -> bool {
    let rest = &object[at..];
    let is_short = match frame {
        Some(frame) => frame.end > object.len(),
        None => rest.len() < PREFIX,
    };
    is_short || rest.windows(ZEROS).any(|window| window.iter().all(|byte| *byte == 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::DerivedKey;

    const HEAD: &[u8] = b"head\n";

    fn key() -> SealingKey {
        SealingKey::derive(&DerivedKey::from_bytes([3; 32]))
    }

    fn contents() -> [&'static [u8]; 4] {
        [b"first", b"", b"the third SEAL", b"last"]
    }

    /// An object of four frames, and where each ends.
    fn object() -> (Vec<u8>, Vec<usize>) {
        let mut object = HEAD.to_vec();
        let ends = (0..).zip(contents()).map(|(number, content)| {
            write(&key(), HEAD, number, content, &mut object).unwrap();
            object.len()
        });
        let ends = ends.collect();
        (object, ends)
    }

    fn read_all(object: &[u8]) -> Result<Frames, SealError> {
        read(&key(), &Bytes::copy_from_slice(object), HEAD.len(), "journal")
    }

    #[test]
    fn frames_cut_at_any_byte_give_those_before() {
        let (object, ends) = object();
        for length in HEAD.len()..=object.len() {
            let whole = ends.iter().filter(|end| **end <= length).count();
            let found = read_all(&object[..length]).unwrap();
            assert_eq!(found.count as usize, whole, "{length}");
            assert_eq!(found.content, contents()[..whole].concat(), "{length}");
        }
    }

    #[test]
    fn a_changed_byte_anywhere_is_refused() {
        let (object, ends) = object();
        for at in 0..object.len() {
            for bit in [0x01, 0x80] {
                let mut changed = object.clone();
                changed[at] ^= bit;
                let found = read_all(&changed);
                // A length of the last frame that reaches beyond the end looks like a torn end, and is cut off as one.
                let last_length = ends[2] + 12..ends[2] + 16;
                if let Ok(found) = &found {
                    assert!(last_length.contains(&at) && found.count == 3, "byte {at}: {found:?}");
                }
            }
        }
    }

    #[test]
    fn frames_that_are_missing_moved_or_doubled_are_refused() {
        let (object, ends) = object();
        let starts = [HEAD.len(), ends[0], ends[1], ends[2]];
        let frame = |number: usize| &object[starts[number]..ends[number]];
        for order in [&[0, 2, 3][..], &[1, 2, 3], &[0, 1, 1, 2, 3], &[0, 2, 1, 3], &[3], &[0, 1, 2, 3, 0]] {
            let mut changed = HEAD.to_vec();
            order.iter().for_each(|number| changed.extend_from_slice(frame(*number)));
            assert!(matches!(read_all(&changed), Err(SealError::Journal { .. })), "{order:?}");
        }
        let mut other = b"Head\n".to_vec();
        other.extend_from_slice(&object[HEAD.len()..]);
        assert!(read_all(&other).is_err(), "frames of another head");
    }

    #[test]
    fn zeros_where_a_crash_left_the_last_frame_unfilled_cut_it_off() {
        let (object, ends) = object();
        for from in ends[2]..ends[3] - ZEROS {
            let mut torn = object.clone();
            torn[from..].fill(0);
            assert_eq!(read_all(&torn).unwrap().count, 3, "{from}");
        }
        let mut middle = object.clone();
        middle[ends[0]..ends[1]].fill(0);
        assert!(read_all(&middle).is_err());
    }
}
