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

/// Unpacks a content as its magic bytes say.
pub(crate) fn unpack(content: Bytes, file: &str) -> Result<Bytes> {
    let mut plain = Vec::new();
    match Compression::of(&content) {
        Compression::None => return Ok(content),
        Compression::Gzip => flate2::read::MultiGzDecoder::new(&*content).read_to_end(&mut plain),
        Compression::Zstd => zstd::Decoder::new(&*content).and_then(|mut decoder| decoder.read_to_end(&mut plain)),
    }
    .map_err(|source| Error::Compression { file: file.to_owned(), source })?;
    Ok(plain.into())
}
