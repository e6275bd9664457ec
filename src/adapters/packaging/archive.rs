//! Writes a manifest's entries into a zip: sorted, with times that depend on their content alone, normalised modes and a fixed
//! deflate level, so that the same entries give the same bytes everywhere. Files are compressed on all processors and written in order.

use std::collections::BTreeMap;
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};
use zip::write::{PreparedZipFile, SimpleFileOptions, ZipFileBuilder};
use zip::{CompressionMethod, DateTime, System, ZipArchive, ZipWriter};

use super::error::PackagingError;
use super::index::{BLOCK_SIZE, ContentDigest, processors, read_blocks};
use super::manifest::{Content, Manifest};

/// zlib's usual compromise: level 9 takes several times as long for about one percent.
const DEFLATE_LEVEL: i64 = 6;

/// Uncompressed bytes that may be under work or waiting to be written at a time.
const BYTES_IN_FLIGHT: u64 = 32 * 1024 * 1024;

/// An earlier archive of this program. Its compressed bytes are what compressing an unchanged file again would give.
pub(super) struct EarlierArchive<R> {
    /// The archive.
    pub(super) archive: ZipArchive<R>,
    /// The content digest of each source file in it.
    pub(super) contents: BTreeMap<String, ContentDigest>,
}

/// Writes the archive.
///
/// # Errors
/// A file can't be read or isn't any more what the manifest says; the archive can't be written.
pub(super) fn write<W: Write + Seek, R: Read + Seek>(
    manifest: &Manifest,
    root: &Path,
    mut earlier: Option<EarlierArchive<R>>,
    output: W,
) -> Result<W, PackagingError> {
    let entries: Vec<_> = manifest.entries.iter().collect();
    let reusable: Vec<bool> = entries
        .iter()
        .map(|(name, content)| match (content, &earlier) {
            (Content::Source { digest, .. }, Some(earlier)) => earlier.contents.get(*name) == Some(digest),
            _ => false,
        })
        .collect();
    let mut archive = ZipWriter::new(output);
    let queue = Queue::new();
    let compress_next = || {
        let size_of = |position: usize| match entries.get(position)?.1 {
            Content::Source { stat, .. } if !reusable[position] => Some(stat.size),
            Content::Generated(bytes) => Some(bytes.len() as u64),
            _ => None,
        };
        while let Some(position) = queue.claim(entries.len(), size_of) {
            let (name, content) = entries[position];
            queue.put(position, prepare(root, name, content));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..processors() {
            scope.spawn(compress_next);
        }
        // Whatever happens here, the workers must come to an end before the scope does.
        let _stop = StopOnDrop(&queue);
        for (position, (name, content)) in entries.iter().enumerate() {
            match content {
                Content::Folder => archive.add_directory(name.as_str(), options(0o755))?,
                Content::Link(target) => archive.add_symlink(name.as_str(), target.as_str(), options(0o777))?,
                Content::Source { stat, digest }
                    if let Some(earlier) = &mut earlier
                        && reusable[position] =>
                {
                    let file = earlier.archive.by_name(name)?;
                    archive.raw_copy_file_touch(file, time_of(digest), Some(mode_of(stat.executable)))?;
                }
                Content::Source { .. } | Content::Generated(_) => {
                    let prepared = queue.take(position)?;
                    let size = prepared.uncompressed_size();
                    archive.add_prepared_file(prepared)?;
                    queue.written(size);
                }
            }
        }
        Ok::<_, PackagingError>(())
    })?;
    Ok(archive.finish()?)
}

fn mode_of(executable: bool) -> u32 {
    if executable { 0o755 } else { 0o644 }
}

/// The time that a file of this content has in the package. Web servers make ETags of a file's size and time, so a constant one
/// would let browsers keep a changed file of the same size. It lies in the past, as DOS counts from 1980: two seconds a step.
fn time_of(digest: &str) -> DateTime {
    let mut rest = digest.get(..16).and_then(|start| u64::from_str_radix(start, 16).ok()).unwrap_or_default();
    let mut draw = |from: u8, count: u8| {
        let drawn = u8::try_from(rest % u64::from(count)).unwrap_or_default();
        rest /= u64::from(count);
        from + drawn
    };
    let (year, month, day) = (1980 + u16::from(draw(0, 40)), draw(1, 12), draw(1, 28));
    let (hour, minute, second) = (draw(0, 24), draw(0, 60), 2 * draw(0, 30));
    DateTime::from_date_and_time(year, month, day, hour, minute, second).unwrap_or_default()
}

fn options(mode: u32) -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(DEFLATE_LEVEL))
        .last_modified_time(DateTime::DEFAULT)
        .unix_permissions(mode)
        .system(System::Unix)
}

/// Compresses one file in memory.
fn prepare(root: &Path, name: &str, content: &Content) -> Result<PreparedZipFile, PackagingError> {
    match content {
        Content::Source { stat, digest } => {
            let mut builder =
                ZipFileBuilder::new(name, options(mode_of(stat.executable)).last_modified_time(time_of(digest)))?;
            let mut hasher = Sha256::new();
            let path = root.join(name);
            read_blocks(&path, stat, |block| {
                hasher.update(block);
                builder.write_all(block).map_err(|error| PackagingError::Archive(error.into()))
            })?;
            if hex::encode(hasher.finalize()) != *digest {
                return Err(PackagingError::ChangedWhilePackaging { path });
            }
            Ok(builder.finish()?)
        }
        Content::Generated(bytes) => {
            let time = time_of(&hex::encode(Sha256::digest(bytes)));
            let mut builder = ZipFileBuilder::new(name, options(0o644).last_modified_time(time))?;
            for block in bytes.chunks(BLOCK_SIZE) {
                builder.write_all(block).map_err(|error| PackagingError::Archive(error.into()))?;
            }
            Ok(builder.finish()?)
        }
        Content::Link(_) | Content::Folder => Err(PackagingError::Archive(zip::result::ZipError::FileNotFound)),
    }
}

/// Hands files out to the workers in order, holds what they compressed, and keeps them from running too far ahead.
struct Queue {
    state: Mutex<QueueState>,
    changed: Condvar,
}

#[derive(Default)]
struct QueueState {
    next: usize,
    in_flight: u64,
    stopped: bool,
    done: BTreeMap<usize, Result<PreparedZipFile, PackagingError>>,
}

impl Queue {
    fn new() -> Self {
        Self { state: Mutex::default(), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next position to compress, once there is room for it; none when all are handed out.
    /// `size_of` says how large an entry is, or nothing when it needs no compressing.
    fn claim(&self, count: usize, size_of: impl Fn(usize) -> Option<u64>) -> Option<usize> {
        let mut state = self.lock();
        loop {
            if state.stopped {
                return None;
            }
            while state.next < count && size_of(state.next).is_none() {
                state.next += 1;
            }
            let position = state.next;
            let size = size_of(position)?;
            // One file is always let through, so that one larger than the bound gets its turn.
            if state.in_flight == 0 || state.in_flight + size <= BYTES_IN_FLIGHT {
                state.in_flight += size;
                state.next += 1;
                return Some(position);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn put(&self, position: usize, result: Result<PreparedZipFile, PackagingError>) {
        self.lock().done.insert(position, result);
        self.changed.notify_all();
    }

    fn take(&self, position: usize) -> Result<PreparedZipFile, PackagingError> {
        let mut state = self.lock();
        loop {
            if let Some(result) = state.done.remove(&position) {
                return result;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn written(&self, size: u64) {
        let mut state = self.lock();
        state.in_flight = state.in_flight.saturating_sub(size);
        drop(state);
        self.changed.notify_all();
    }

    fn stop(&self) {
        self.lock().stopped = true;
        self.changed.notify_all();
    }
}

struct StopOnDrop<'a>(&'a Queue);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.stop();
    }
}
