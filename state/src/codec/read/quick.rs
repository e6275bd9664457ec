//! The quick way to a file's resources, which are nearly all of it: their ends are found without taking them apart, and
//! large files are read in several parts at once.
//!
//! What isn't as usual isn't read here, and what is wrong isn't told: the way through the parser does that.

use std::num::NonZero;
use std::ops::Range;

use bytes::Bytes;
use memchr::memmem;

use super::fields::ResourceSeed;
use super::{Origin, Reader, scan};
use crate::model::resource::Resource;

/// A part that is worth a thread of its own, in bytes.
const PART: usize = 512 * 1024;
/// How resources follow each other in a compact file. In a string the quotes would be escaped, so what this finds are
/// objects; whether they are resources turns out when the part before ends there.
const BETWEEN: &[u8] = br#"},{"urn":""#;

/// The resources of a file.
pub(super) struct Found {
    /// Whether they are of a checkpoint, or else of an export.
    pub of_checkpoint: bool,
    pub resources: Vec<Resource>,
    /// Where their list stands in the file.
    pub list: Range<usize>,
}

/// Finds and reads the resources of a file.
pub(super) fn resources(origin: Origin<'_>, buffer: &Bytes, text: &str) -> Option<Found> {
    let (of_checkpoint, start) = list_start(text.as_bytes())?;
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get).min(4);
    let parts = ((text.len() - start) / PART).clamp(1, threads);
    let mut starts = vec![start + 1];
    for part in 1..parts {
        let from = start + (text.len() - start) / parts * part;
        let next = memmem::find(&text.as_bytes()[from..], BETWEEN).map(|found| from + found + 2);
        starts.extend(next.filter(|next| starts.last() < Some(next)));
    }
    let read = |index: usize| {
        let reader = Reader::new(origin, buffer, text);
        part(&reader, starts[index], starts.get(index + 1).copied())
    };
    let read: Vec<Option<Part>> = std::thread::scope(|scope| {
        let others: Vec<_> = (1..starts.len()).map(|index| scope.spawn(move || read(index))).collect();
        let first = read(0);
        std::iter::once(first).chain(others.into_iter().map(|other| other.join().ok().flatten())).collect()
    });
    let mut resources = Vec::new();
    for part in read {
        let part = part?;
        resources.extend(part.resources);
        if let Some(end) = part.end {
            return Some(Found { of_checkpoint, resources, list: start..end });
        }
    }
    None
}

/// Whether the file is a checkpoint, or else an export, and the position of the list's bracket.
fn list_start(text: &[u8]) -> Option<(bool, usize)> {
    let at = scan::mark(text, 0, b'{')?;
    let (is_checkpoint, mut at) = member(text, at, &["checkpoint", "deployment"])?;
    at = scan::mark(text, at, b'{')?;
    if is_checkpoint {
        at = scan::mark(text, member(text, at, &["latest"])?.1, b'{')?;
    }
    let (_, at) = member(text, at, &["resources"])?;
    (*text.get(at)? == b'[').then_some((is_checkpoint, at))
}

/// Passes members of an object up to one of the names; gives the position of its value, and whether it is the first name.
fn member(text: &[u8], mut at: usize, names: &[&str]) -> Option<(bool, usize)> {
    loop {
        let end = scan::string(text, at)?;
        let found = names.iter().position(|name| name.as_bytes() == &text[at + 1..end - 1]);
        at = scan::mark(text, end, b':')?;
        if let Some(index) = found {
            return Some((index == 0, at));
        }
        at = scan::mark(text, scan::value(text, at)?, b',')?;
    }
}

/// Some of the resources that follow each other.
struct Part {
    resources: Vec<Resource>,
    /// The position after the list; `None` when another part begins where this one ends.
    end: Option<usize>,
}

/// Reads resources from a position up to where another part begins, or to the end of the list.
fn part(reader: &Reader<'_, '_>, start: usize, stop: Option<usize>) -> Option<Part> {
    let text = reader.text.as_bytes();
    let mut at = scan::space(text, start);
    let mut resources = Vec::with_capacity((stop.unwrap_or(text.len()) - start) / 2048);
    if *text.get(at)? == b']' {
        return Some(Part { resources, end: Some(at + 1) });
    }
    loop {
        let (resource, end) = resource(reader, at)?;
        resources.push(resource);
        at = scan::space(text, end);
        match *text.get(at)? {
            b',' => at = scan::space(text, at + 1),
            b']' => return Some(Part { resources, end: Some(at + 1) }),
            _ => return None,
        }
        if Some(at) == stop {
            return Some(Part { resources, end: None });
        }
    }
}

/// Reads the resource at a position; gives the position after it, too.
fn resource(reader: &Reader<'_, '_>, start: usize) -> Option<(Resource, usize)> {
    let text = reader.text.as_bytes();
    let mut at = scan::mark(text, start, b'{')?;
    let seed = ResourceSeed { reader, index: 0, of: "resources" };
    let mut reading = seed.begin();
    loop {
        let end = scan::string(text, at)?;
        let name = &reader.text[at + 1..end - 1];
        if memchr::memchr(b'\\', name.as_bytes()).is_some() {
            return None;
        }
        at = scan::mark(text, end, b':')?;
        let end = scan::value(text, at)?;
        reading.member::<serde_json::Error>(name, &reader.text[at..end]).ok()?;
        at = scan::space(text, end);
        match *text.get(at)? {
            b',' => at = scan::space(text, at + 1),
            b'}' => break,
            _ => return None,
        }
    }
    let whole = &reader.text[start..=at];
    let resource = reading.finish::<serde_json::Error>(Some(whole)).ok()?;
    Some((resource, at + 1))
}
