//! Hashes of assets and archives (SPEC.md section 2.6): an archive's is that of a tar stream as Go's writer makes it.

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
            write_entry(&mut hash, &entry.name, &entry.content);
        }
    }
    hash.update([0; 1024]);
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
        ArchiveSource::Uri(uri) => Err(unsupported(uri)),
        ArchiveSource::Path(path) if is_archive_file(path) => Ok(asset_hash(&std::fs::read(base.join(path))?)),
        _ => {
            let mut entries = Vec::new();
            collect(archive, base, "", &mut entries)?;
            Ok(archive_hash(entries))
        }
    }
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

/// A path within a folder, where the name `.` adds nothing.
pub(super) fn joined(folder: &str, name: &str) -> String {
    let clean: Vec<&str> =
        folder.split('/').chain(name.split('/')).filter(|part| !part.is_empty() && *part != ".").collect();
    clean.join("/")
}

fn collect(archive: &Archive, base: &Path, folder: &str, entries: &mut Vec<ArchiveEntry>) -> io::Result<()> {
    match &archive.source {
        ArchiveSource::Assets(assets) => collect_assets(assets, base, folder, entries),
        ArchiveSource::Path(path) if is_archive_file(path) => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            format!("{path} is packed; an archive within an archive must be a folder or a list of assets"),
        )),
        ArchiveSource::Path(path) => walk(&base.join(path), folder, entries),
        ArchiveSource::Uri(uri) => Err(unsupported(uri)),
    }
}

fn collect_assets(assets: &PropertyMap, base: &Path, folder: &str, entries: &mut Vec<ArchiveEntry>) -> io::Result<()> {
    for (name, value) in assets.iter() {
        let path = joined(folder, name);
        match value {
            Value::Asset(asset) => entries.push(ArchiveEntry { name: path, content: asset_content(asset, base)? }),
            Value::Archive(archive) => collect(archive, base, &path, entries)?,
            _ => return Err(io::Error::new(io::ErrorKind::InvalidData, format!("'{path}' is no asset or archive"))),
        }
    }
    Ok(())
}

fn walk(path: &Path, folder: &str, entries: &mut Vec<ArchiveEntry>) -> io::Result<()> {
    let mut names = std::fs::read_dir(path)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<io::Result<Vec<_>>>()?;
    names.sort_unstable();
    for name in names {
        let (path, within) = (path.join(&name), joined(folder, &name));
        let linked = std::fs::symlink_metadata(&path)?.is_symlink();
        if std::fs::metadata(&path)?.is_dir() {
            if !linked && name != ".pulumi" {
                walk(&path, &within, entries)?;
            }
        } else {
            entries.push(ArchiveEntry { name: within, content: std::fs::read(&path)? });
        }
    }
    Ok(())
}

/// Header and data of an entry, padded to blocks of 512 bytes.
fn write_entry(hash: &mut Sha256, name: &str, content: &[u8]) {
    match header_name(name) {
        Some((prefix, suffix)) => {
            hash.update(header(suffix.as_bytes(), prefix.as_bytes(), content.len(), b'0', "0000600"))
        }
        None => {
            // Go's fallback: a PAX record holds the name.
            let record = pax_record("path", name);
            let (folder, file) = name.rsplit_once('/').map_or(("", name), |(folder, file)| (folder, file));
            let record_name = ascii(&joined(&joined(folder, "PaxHeaders.0"), file));
            hash.update(header(&record_name, b"", record.len(), b'x', "0000000"));
            write_padded(hash, record.as_bytes());
            hash.update(header(&ascii(name), b"", content.len(), b'0', "0000600"));
        }
    }
    write_padded(hash, content);
}

fn write_padded(hash: &mut Sha256, data: &[u8]) {
    hash.update(data);
    hash.update(vec![0; (512 - data.len() % 512) % 512]);
}

/// The bytes of a name that fit into a header whose name is only for old readers.
fn ascii(name: &str) -> Vec<u8> {
    let mut bytes: Vec<u8> = name.bytes().filter(|byte| byte.is_ascii() && *byte != 0).collect();
    bytes.truncate(100);
    bytes
}

/// Prefix and name of a ustar header, or nothing when the name doesn't fit.
fn header_name(name: &str) -> Option<(&str, &str)> {
    if !name.is_ascii() || name.contains('\0') {
        return None;
    }
    if name.len() <= 100 {
        return Some(("", name));
    }
    let head = &name[..name.len().min(156)];
    let slash = head.rfind('/')?;
    let (prefix, suffix) = (&name[..slash], &name[slash + 1..]);
    (slash > 0 && !suffix.is_empty() && suffix.len() <= 100 && prefix.len() <= 155).then_some((prefix, suffix))
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

fn header(name: &[u8], prefix: &[u8], size: usize, kind: u8, mode: &str) -> [u8; 512] {
    let mut block = [0; 512];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, name);
    put(100, mode.as_bytes());
    put(108, b"0000000");
    put(116, b"0000000");
    put(124, format!("{size:011o}").as_bytes());
    put(136, b"00000000000");
    put(148, b"        ");
    put(156, &[kind]);
    put(257, b"ustar\x0000");
    if kind != b'x' {
        put(329, b"0000000");
        put(337, b"0000000");
    }
    put(345, prefix);
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::Asset(Box::new(Asset { hash: None, source: AssetSource::Text(text.to_owned()) }))
    }

    fn archive(source: ArchiveSource) -> Archive {
        Archive { hash: None, source }
    }

    /// The vectors of SPEC.md section 2.6.
    #[test]
    fn the_vectors_of_the_specification_hold() {
        let nothing = Path::new("");
        assert!(asset_hash(b"").starts_with("e3b0c442"));
        let hash = |assets: PropertyMap| hash_archive(&archive(ArchiveSource::Assets(assets)), nothing).unwrap();
        assert_eq!(hash(PropertyMap::new()), "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef");
        let code = "exports.handler = (e, c, cb) => cb(null, {statusCode: 200, body: 'Hello, world!'});";
        assert_eq!(asset_hash(code.as_bytes()), "fd60d6666d78aeb7725928f9b92129b682f188a66573523e6795928d0a97cd77");
        assert_eq!(
            hash([("index.js", text(code))].into()),
            "b898ebe846ff6543102dd399b89309fad766b5a1620bdb18c08b234b0b9bbd8a"
        );
    }

    #[test]
    fn a_folder_hashes_as_the_entries_that_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in [("b/x.txt", "x"), ("a.txt", "a"), (".pulumi/skipped", "s")] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        let at = |source| hash_archive(&archive(source), folder.path()).unwrap();
        let whole = at(ArchiveSource::Path(".".to_owned()));
        let entry = |name: &str, content: &str| ArchiveEntry { name: name.to_owned(), content: content.into() };
        assert_eq!(whole, archive_hash([entry("a.txt", "a"), entry("b/x.txt", "x")]));
        let inner = || Value::Archive(Box::new(archive(ArchiveSource::Path(".".to_owned()))));
        assert_eq!(at(ArchiveSource::Assets([(".", inner())].into())), whole);
        assert_eq!(
            at(ArchiveSource::Assets([("d", inner())].into())),
            archive_hash([entry("d/a.txt", "a"), entry("d/b/x.txt", "x")])
        );
        assert!(hash_archive(&archive(ArchiveSource::Path("missing".to_owned())), folder.path()).is_err());
    }

    #[test]
    fn long_names_are_split_or_go_into_a_pax_record() {
        let long = format!("{}/{}", "d".repeat(120), "f".repeat(90));
        assert_eq!(header_name(&long), Some((&*"d".repeat(120), &*"f".repeat(90))));
        assert_eq!(header_name(&"f".repeat(101)), None);
        assert_eq!(header_name("ä"), None);
        assert_eq!(pax_record("path", "ä"), "11 path=ä\n");
        // A length whose own digits push it over a power of ten.
        let record = pax_record("path", &"x".repeat(90));
        assert_eq!(record.split_once(' ').unwrap().0.parse::<usize>().unwrap(), record.len());
        let record = pax_record("path", &"x".repeat(89));
        assert_eq!(record.split_once(' ').unwrap().0.parse::<usize>().unwrap(), record.len());
    }
}
