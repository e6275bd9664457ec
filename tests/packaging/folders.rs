//! Source folders and packagers for the tests of this crate.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use semantest_iac::adapters::packaging::{Package, PackageRequest, Packager, PackagingError, Start};
use semantest_iac::domain::code::runtime::Architecture;
use tempfile::TempDir;

/// A source folder and a cache folder of its own.
pub struct Component {
    source: TempDir,
    cache: TempDir,
    pub request: PackageRequest,
}

impl Component {
    /// A server started by `node server.js`, with the given files.
    pub fn server(files: &[(&str, &str)]) -> Self {
        let source = tempfile::tempdir().unwrap();
        let request = PackageRequest {
            source: source.path().to_owned(),
            build: None,
            start: Start::Server { start: "node server.js".into(), port: None },
            architecture: Some(Architecture::X86_64),
        };
        let component = Self { source, cache: tempfile::tempdir().unwrap(), request };
        for (path, content) in files {
            component.write(path, content);
        }
        component
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.source.path().join(path)
    }

    pub fn cache(&self) -> &Path {
        self.cache.path()
    }

    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub fn set_mode(&self, path: &str, mode: u32) {
        fs::set_permissions(self.path(path), fs::Permissions::from_mode(mode)).unwrap();
    }

    pub fn packager(&self) -> Packager {
        Packager::new(self.cache.path())
    }

    pub fn package(&self) -> Package {
        self.try_package().unwrap_or_else(|error| panic!("{error}\n{}", error.hint()))
    }

    pub fn try_package(&self) -> Result<Package, PackagingError> {
        self.packager().package(&self.request)
    }
}

/// What an archive holds: mode and content by name.
pub fn contents(package: &Package) -> BTreeMap<String, (u32, Vec<u8>)> {
    let mut archive = zip::ZipArchive::new(Cursor::new(package.read().unwrap())).unwrap();
    (0..archive.len())
        .map(|position| {
            let mut entry = archive.by_index(position).unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            (entry.name().unwrap().into_owned(), (entry.unix_mode().unwrap(), content))
        })
        .collect()
}

/// The names in an archive, in its order.
pub fn names(package: &Package) -> Vec<String> {
    let archive = zip::ZipArchive::new(Cursor::new(package.read().unwrap())).unwrap();
    (0..archive.len()).map(|position| archive.name_for_index(position).unwrap().unwrap().into_owned()).collect()
}
