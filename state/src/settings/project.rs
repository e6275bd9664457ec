//! `Pulumi.yaml`: what of it says where a stack's settings and state are.

use std::path::{Path, PathBuf};

use super::document::Node;
use super::{SettingsError, file, render};

/// What a project's file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProjectSettings {
    /// The file; `None` when there is none.
    pub file: Option<PathBuf>,
    /// The project's name.
    pub name: Option<String>,
    /// The name of the runtime.
    pub runtime: Option<String>,
    /// The URL of the backend.
    pub backend_url: Option<String>,
    /// The folder of the stacks' settings, as seen from the file's.
    pub stack_config_dir: Option<PathBuf>,
}

impl ProjectSettings {
    /// The names that the file may have; the settings of stacks end like it.
    const NAMES: [&str; 3] = ["Pulumi.yaml", "Pulumi.yml", "Pulumi.json"];

    /// Reads the project's file in a folder; all is left out where there is none.
    ///
    /// # Errors
    /// When it can't be read or understood.
    pub fn find(folder: &Path) -> Result<Self, SettingsError> {
        for name in Self::NAMES {
            let path = folder.join(name);
            if let Some(text) = file::read(&path)? {
                return Self::of_text(&path, &text);
            }
        }
        Ok(Self::default())
    }

    /// Writes the project's file of a folder that has none: a project whose stacks are in the store of a URL and that has no
    /// program of its own.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn create(folder: &Path, name: &str, backend_url: &str) -> Result<Self, SettingsError> {
        let path = folder.join(Self::NAMES[0]);
        let (name, url) = (render::text(name), render::text(backend_url));
        let text = format!("name: {name}\nruntime: yaml\nbackend:\n  url: {url}\n");
        file::write(&path, &text)?;
        Self::of_text(&path, &text)
    }

    fn of_text(path: &Path, text: &str) -> Result<Self, SettingsError> {
        let tree = file::tree(path, text)?;
        let get = |keys: &[&str]| -> Option<String> {
            let mut node: &Node = tree.as_ref()?;
            for key in keys {
                node = &node.entry(key)?.value;
            }
            node.to_json().as_str().filter(|text| !text.is_empty()).map(str::to_owned)
        };
        Ok(Self {
            file: Some(path.to_owned()),
            name: get(&["name"]),
            runtime: get(&["runtime"]).or_else(|| get(&["runtime", "name"])),
            backend_url: get(&["backend", "url"]),
            stack_config_dir: get(&["stackConfigDir"]).or_else(|| get(&["config"])).map(PathBuf::from),
        })
    }

    /// The file of a stack's settings, in the folder of this project. `folder` is that folder.
    pub fn stack_file(&self, folder: &Path, stack: &str) -> PathBuf {
        let ending = self.file.as_ref().and_then(|file| file.extension()?.to_str()).unwrap_or("yaml");
        let folder = match &self.stack_config_dir {
            Some(inner) => folder.join(inner),
            None => folder.to_owned(),
        };
        folder.join(format!("Pulumi.{}.{ending}", stack.replace('/', "-")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_of_a_stack_are_where_the_project_says() {
        let folder = tempfile::tempdir().unwrap();
        let find = || ProjectSettings::find(folder.path()).unwrap();
        assert_eq!(find().stack_file(folder.path(), "aws-local"), folder.path().join("Pulumi.aws-local.yaml"));
        std::fs::write(folder.path().join("Pulumi.json"), r#"{"name": "shop", "runtime": {"name": "nodejs"}}"#)
            .unwrap();
        assert_eq!(find().stack_file(folder.path(), "a/b"), folder.path().join("Pulumi.a-b.json"));
        assert_eq!((find().name.as_deref(), find().runtime.as_deref()), (Some("shop"), Some("nodejs")));
        let text = "name: shop\nruntime: yaml\nbackend: { url: \"file://./s\" }\nstackConfigDir: stacks\n";
        std::fs::write(folder.path().join("Pulumi.yaml"), text).unwrap();
        assert_eq!(find().backend_url.as_deref(), Some("file://./s"));
        assert_eq!(find().stack_file(folder.path(), "dev"), folder.path().join("stacks/Pulumi.dev.yaml"));
        std::fs::write(folder.path().join("Pulumi.yaml"), "name: [").unwrap();
        let error = ProjectSettings::find(folder.path()).unwrap_err().to_string();
        assert!(error.contains("Pulumi.yaml:1:"), "{error}");
    }
}
