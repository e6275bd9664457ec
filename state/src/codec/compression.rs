//! Gzip and zstd, told by their magic bytes whatever a file's name (SPEC.md section 4.3).

use std::io::{Read, Write};

use bytes::Bytes;

use crate::error::{Error, Result};

/// How a file's content is packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// Gzip (`.json.gz`).
    Gzip,
    /// Zstandard (`.json.zst`).
    Zstd,
}

impl Compression {
    /// What the content's first bytes say.
    pub fn of(content: &[u8]) -> Self {
        match content {
            [0x1f, 0x8b, 0x08, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ => Self::None,
        }
    }

    /// What a file's name ends in beside `.json`.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Gzip => ".gz",
            Self::Zstd => ".zst",
        }
    }

    /// Packs a content.
    ///
    /// # Errors
    /// When the encoder fails.
    pub fn pack(self, content: Vec<u8>) -> std::io::Result<Bytes> {
        Ok(match self {
            Self::None => content.into(),
            Self::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
                encoder.write_all(&content)?;
                encoder.finish()?.into()
            }
            Self::Zstd => zstd::encode_all(&*content, 0)?.into(),
        })
    }
}

/// No state is larger: some 700,000 resources. A few bytes may unpack to any number of them, and whoever can write to a store
/// shouldn't be able to fill the memory of all who read it.
const LARGEST: u64 = 2 * 1024 * 1024 * 1024;

/// Unpacks a content as its magic bytes say.
///
/// # Errors
/// When it is damaged, or larger than any state.
pub(crate) fn unpack(content: Bytes, file: &str) -> Result<Bytes> {
    unpack_up_to(content, file, LARGEST)
}

fn unpack_up_to(content: Bytes, file: &str, largest: u64) -> Result<Bytes> {
    let mut plain = Vec::new();
    let read = |unpacked: &mut dyn Read, plain: &mut Vec<u8>| {
        let count = unpacked.take(largest + 1).read_to_end(plain)?;
        match count as u64 > largest {
            true => Err(std::io::Error::other(format!("it unpacks to more than {largest} bytes"))),
            false => Ok(()),
        }
    };
    match Compression::of(&content) {
        Compression::None => return Ok(content),
        Compression::Gzip => read(&mut flate2::read::MultiGzDecoder::new(&*content), &mut plain),
        Compression::Zstd => zstd::Decoder::new(&*content).and_then(|mut decoder| read(&mut decoder, &mut plain)),
    }
    .map_err(|source| Error::Compression { file: file.to_owned(), source })?;
    Ok(plain.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_unpacks_to_more_than_a_state_is_refused() {
        for compression in [Compression::Gzip, Compression::Zstd] {
            let packed = compression.pack(vec![b' '; 100_000]).unwrap();
            assert!(packed.len() < 1_000);
            assert_eq!(unpack_up_to(packed.clone(), "f", 100_000).unwrap().len(), 100_000);
            let error = unpack_up_to(packed, "f", 99_999).unwrap_err();
            let cause = std::error::Error::source(&error).unwrap().to_string();
            assert_eq!(cause, "it unpacks to more than 99999 bytes");
        }
    }
}
