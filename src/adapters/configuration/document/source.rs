//! The configuration file as text: read once, checked for its encoding, kept for error messages.
//! Places in it are byte ranges; lines and columns are counted only when somebody asks.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::problem::Problem;

/// The largest file that is read, in bytes. A configuration written by people is far smaller.
const LARGEST_FILE: u64 = 1024 * 1024;

/// A range of bytes in the configuration file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

/// A place in a text as people count: both from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column within the line.
    pub column: usize,
}

/// A file's path and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    path: PathBuf,
    text: String,
    /// Where each line begins.
    line_starts: Vec<usize>,
}

impl SourceFile {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// When there is no such file, it can't be read, is larger than 1 MiB or is not UTF-8.
    pub fn read(path: &Path) -> Result<Self, Problem> {
        let unreadable =
            |error: std::io::Error| Problem::new("config/unreadable", format!("the file can't be read: {error}"));
        let file = File::open(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                Problem::new("config/not-found", "there is no such file").with_hint("`semantest-iac init` writes one")
            }
            _ => unreadable(error),
        })?;
        if file.metadata().map_err(unreadable)?.is_dir() {
            return Err(Problem::new("config/unreadable", "it is a folder, not a file"));
        }
        let mut bytes = Vec::new();
        file.take(LARGEST_FILE + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        Self::from_bytes(path, bytes)
    }

    /// Takes `bytes` as the content of the file at `path`.
    ///
    /// # Errors
    /// When it is larger than 1 MiB or is not UTF-8.
    pub fn from_bytes(path: &Path, bytes: Vec<u8>) -> Result<Self, Problem> {
        if bytes.len() as u64 > LARGEST_FILE {
            return Err(Problem::new("config/too-large", "the file is larger than 1 MiB, which no configuration is"));
        }
        if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
            return Err(Problem::new("config/encoding", "the file is written in UTF-16").with_hint("save it as UTF-8"));
        }
        let text = String::from_utf8(bytes).map_err(|error| {
            let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = 1 + valid.iter().filter(|byte| **byte == b'\n').count();
            Problem::new(
                "config/encoding",
                format!("the file is not UTF-8: byte {} (in line {line}) can't be read", valid.len() + 1),
            )
            .with_hint("save it as UTF-8")
        })?;
        let newlines = text.match_indices('\n').map(|(position, _)| position + 1);
        let line_starts = std::iter::once(0).chain(newlines).collect();
        Ok(Self { path: path.to_owned(), text, line_starts })
    }

    /// Where the file lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder that relative paths in the file start from.
    pub fn folder(&self) -> &Path {
        match self.path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        }
    }

    /// The file's text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text at `span`, empty if it lies outside.
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.start..span.end).unwrap_or_default()
    }

    /// Line and column of the byte at `offset`; those of the end if it lies beyond.
    pub fn position(&self, offset: usize) -> Position {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        // The first line begins at 0, so that there is always one at or before the offset.
        let line = self.line_starts.partition_point(|start| *start <= offset);
        let line_start = self.line_starts[line - 1];
        // A byte-order mark is not a character that anybody sees.
        let column = self.text[line_start..offset].chars().filter(|c| *c != '\u{feff}').count();
        Position { line, column: 1 + column }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(bytes: &[u8]) -> Result<SourceFile, Problem> {
        SourceFile::from_bytes(Path::new("semantest-iac.yaml"), bytes.to_vec())
    }

    #[test]
    fn places_are_counted_in_lines_and_characters() {
        let file = source("\u{feff}aé: 1\r\nb: 2\n".as_bytes()).unwrap();
        let place = |needle: &str| {
            let Position { line, column } = file.position(file.text().find(needle).unwrap());
            (line, column)
        };
        assert_eq!(place("a"), (1, 1));
        assert_eq!(place(": 1"), (1, 3));
        assert_eq!(place("b"), (2, 1));
        assert_eq!(file.position(usize::MAX).line, 3);
    }

    #[test]
    fn only_utf_8_of_a_sensible_size_is_read() {
        assert!(source(b"\xff\xfea\0").unwrap_err().message().contains("UTF-16"));
        let latin1 = source(b"a: 1\nb: \xe9\n").unwrap_err();
        assert!(latin1.message().contains("line 2"), "{latin1:?}");
        assert!(source(&vec![b'a'; 1024 * 1024 + 1]).is_err());
        assert_eq!(SourceFile::from_bytes(Path::new("x.yaml"), vec![]).unwrap().folder(), Path::new("."));
    }
}
