//! Hashes of assets and archives (SPEC.md section 2.6): an archive's is that of a tar stream as Go's writer makes it.

mod slash_path;
mod tar;

use std::collections::HashSet;
use std::io;
use std::path::Path;

use resource_graph::{Archive, ArchiveSource, Asset, AssetSource, PropertyMap, Value};
use sha2::{Digest, Sha256};

/// A file of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveEntry {
    /// Its path, with slashes.
    pub name: String,
    /// Its content.
    pub content: Vec<u8>,
}

/// The hash of an asset's content, as lower-case hex.
pub fn asset_hash(content: &[u8]) -> String {
    hex::encode(Sha256::digest(content))
}

/// The hash of an archive's entries in their order; the first entry of a name wins.
pub fn archive_hash(entries: impl IntoIterator<Item = ArchiveEntry>) -> String {
    let mut hash = Sha256::new();
    let mut seen = HashSet::new();
    for entry in entries {
        if seen.insert(entry.name.clone()) {
            tar::write_entry(&mut hash, &entry.name, &entry.content);
        }
    }
    tar::write_end(&mut hash);
    hex::encode(hash.finalize())
}

/// The hash of an asset whose text or file is at hand; relative paths start at `base`.
///
/// # Errors
/// When the file can't be read, or the content is behind an address.
pub fn hash_asset(asset: &Asset, base: &Path) -> io::Result<String> {
    asset_content(asset, base).map(|content| asset_hash(&content))
}

/// The hash of an archive whose files are at hand; relative paths start at `base`.
///
/// # Errors
/// When a file can't be read, or a content is behind an address.
pub fn hash_archive(archive: &Archive, base: &Path) -> io::Result<String> {
    match &archive.source {
        ArchiveSource::Path(path) if is_archive_file(path) => Ok(asset_hash(&std::fs::read(base.join(path))?)),
        _ => entries(archive, base).map(archive_hash),
    }
}

/// The hash of an archive of texts; nothing when a file or an address is among them.
pub(crate) fn hash_texts(assets: &PropertyMap) -> Option<String> {
    let mut read = |asset: &Asset| match &asset.source {
        AssetSource::Text(text) => Ok(text.clone().into_bytes()),
        _ => Err(()),
    };
    let entries = entries_of(assets, &mut read, &mut |_| Err(()), &mut |_| ());
    entries.ok().map(archive_hash)
}

fn unsupported(uri: &str) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, format!("the content of {uri} has to be fetched first"))
}

fn asset_content(asset: &Asset, base: &Path) -> io::Result<Vec<u8>> {
    match &asset.source {
        AssetSource::Text(text) => Ok(text.clone().into_bytes()),
        AssetSource::Path(path) => std::fs::read(base.join(path)),
        AssetSource::Uri(uri) => Err(unsupported(uri)),
    }
}

fn is_archive_file(path: &str) -> bool {
    [".tar", ".tgz", ".tar.gz", ".zip", ".jar"].iter().any(|ending| path.ends_with(ending))
}

fn entries(archive: &Archive, base: &Path) -> io::Result<Vec<ArchiveEntry>> {
    let mut of_source = |source: &ArchiveSource| match source {
        ArchiveSource::Path(path) if is_archive_file(path) => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            format!("{path} is packed; an archive within an archive must be a folder or a list of assets"),
        )),
        ArchiveSource::Path(path) => {
            let mut entries = Vec::new();
            walk(&base.join(path), "", &mut entries)?;
            Ok(entries)
        }
        ArchiveSource::Uri(uri) => Err(unsupported(uri)),
        ArchiveSource::Assets(_) => Ok(Vec::new()),
    };
    match &archive.source {
        ArchiveSource::Assets(assets) => {
            entries_of(assets, &mut |asset| asset_content(asset, base), &mut of_source, &mut |name| {
                io::Error::new(io::ErrorKind::InvalidData, format!("'{name}' is no asset or archive"))
            })
        }
        source => of_source(source),
    }
}

/// The entries of named assets and archives. An asset's name stays as it is; those of an archive are put below its name
/// and then made plain, as Go's `path.Join` does.
fn entries_of<E>(
    assets: &PropertyMap,
    read: &mut dyn FnMut(&Asset) -> Result<Vec<u8>, E>,
    of_source: &mut dyn FnMut(&ArchiveSource) -> Result<Vec<ArchiveEntry>, E>,
    neither: &mut dyn FnMut(&str) -> E,
) -> Result<Vec<ArchiveEntry>, E> {
    let mut entries = Vec::new();
    for (name, value) in assets.iter() {
        match value {
            Value::Asset(asset) => entries.push(ArchiveEntry { name: name.to_owned(), content: read(asset)? }),
            Value::Archive(archive) => {
                let inner = match &archive.source {
                    ArchiveSource::Assets(assets) => entries_of(assets, read, of_source, neither)?,
                    source => of_source(source)?,
                };
                entries.extend(inner.into_iter().map(|entry| ArchiveEntry {
                    name: slash_path::join(&[name, &entry.name]),
                    content: entry.content,
                }));
            }
            _ => return Err(neither(name)),
        }
    }
    Ok(entries)
}

fn walk(path: &Path, folder: &str, entries: &mut Vec<ArchiveEntry>) -> io::Result<()> {
    let mut names = std::fs::read_dir(path)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<io::Result<Vec<_>>>()?;
    names.sort_unstable();
    for name in names.into_iter().filter(|name| name != ".pulumi") {
        let (path, within) = (path.join(&name), slash_path::join(&[folder, &name]));
        let linked = std::fs::symlink_metadata(&path)?.is_symlink();
        if std::fs::metadata(&path)?.is_dir() {
            if !linked {
                walk(&path, &within, entries)?;
            }
        } else {
            entries.push(ArchiveEntry { name: within, content: std::fs::read(&path)? });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
