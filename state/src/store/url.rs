//! URLs of state stores (SPEC.md sections 4.8, 4.9).

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Where a store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreUrl {
    /// A folder of this machine.
    File {
        /// The folder.
        folder: PathBuf,
    },
    /// A bucket or container.
    Object {
        /// The whole URL.
        url: String,
    },
}

impl StoreUrl {
    /// Reads a URL. `file://./x` starts at `base`, `file://~` at `home`; parameters of a `file:` URL are ignored.
    ///
    /// # Errors
    /// [`Error::InvalidUrl`] when the scheme isn't known or the path is missing.
    pub fn parse(url: &str, base: &Path, home: Option<&Path>) -> Result<Self> {
        let invalid = |message: &str| Error::InvalidUrl { url: url.to_owned(), message: message.to_owned() };
        let Some((scheme, rest)) = url.split_once("://") else {
            return Err(invalid("it has no scheme"));
        };
        match scheme {
            "file" => {
                let path = rest.split('?').next().unwrap_or_default();
                let path = decoded(path).ok_or_else(|| invalid("its percent-encoding is broken"))?;
                let folder = match path.strip_prefix('~') {
                    Some(rest) if rest.is_empty() || rest.starts_with('/') => {
                        home.ok_or_else(|| invalid("the home folder is not known"))?.join(rest.trim_start_matches('/'))
                    }
                    _ if path.is_empty() => return Err(invalid("it has no path")),
                    _ => base.join(&path),
                };
                Ok(Self::File { folder: without_dots(&folder) })
            }
            "s3" | "azblob" => Ok(Self::Object { url: url.to_owned() }),
            "https" | "http" => Err(invalid("Pulumi Cloud keeps its state to itself and can't be used")),
            _ => Err(invalid(&format!("stores of the kind '{scheme}' are not supported"))),
        }
    }
}

/// Takes `.` and `..` out of a path by name alone.
fn without_dots(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                if !clean.pop() {
                    clean.push("..");
                }
            }
            part => clean.push(part),
        }
    }
    clean
}

/// Undoes percent-encoding; nothing when it isn't UTF-8 afterwards.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, others)) = rest.split_first() {
        rest = others;
        match first {
            b'%' => {
                let digits = others.get(..2)?;
                bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
                rest = &others[2..];
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(url: &str) -> Option<PathBuf> {
        match StoreUrl::parse(url, Path::new("/srv/project"), Some(Path::new("/home/ann"))) {
            Ok(StoreUrl::File { folder }) => Some(folder),
            _ => None,
        }
    }

    #[test]
    fn file_urls_start_at_the_root_the_base_or_the_home_folder() {
        for (url, expected) in [
            ("file:///var/state", "/var/state"),
            ("file://./.semantest", "/srv/project/.semantest"),
            ("file://../shared", "/srv/shared"),
            ("file://~", "/home/ann"),
            ("file://~/state?metadata=skip", "/home/ann/state"),
            ("file:///with%20space", "/with space"),
        ] {
            assert_eq!(folder(url), Some(PathBuf::from(expected)), "{url}");
        }
    }

    #[test]
    fn other_urls_are_refused_with_reasons() {
        for url in ["", "state", "file://", "gs://bucket", "https://api.pulumi.com", "file:///%zz", "file:///%"] {
            assert_eq!(folder(url), None, "{url}");
        }
        let s3 = StoreUrl::parse("s3://bucket/prefix?region=eu-west-1", Path::new("/"), None).unwrap();
        assert_eq!(s3, StoreUrl::Object { url: "s3://bucket/prefix?region=eu-west-1".to_owned() });
    }
}
