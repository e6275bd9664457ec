//! The generated references: the command line as Markdown, the JSON Schemas of all documents, and the catalogue of
//! events. A test holds the files in `docs/reference` to what is generated here.

mod command_line;
mod events;
mod schemas;

pub use command_line::command_line;
pub use events::event_catalogue;
pub use schemas::schemas;

/// All references: file names within `docs/reference`, and their texts.
pub fn references() -> Vec<(String, String)> {
    let mut files = vec![("cli.md".to_owned(), command_line()), ("events.md".to_owned(), event_catalogue())];
    files.extend(schemas().into_iter().map(|(name, schema)| (format!("{name}.schema.json"), schema)));
    files
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::references;

    /// `UPDATE_REFERENCE=1 cargo test --lib references` writes them anew.
    #[test]
    fn the_references_are_up_to_date() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference");
        let update = std::env::var_os("UPDATE_REFERENCE").is_some();
        let mut stale = Vec::new();
        for (name, text) in references() {
            let file = folder.join(&name);
            if std::fs::read_to_string(&file).is_ok_and(|there| there == text) {
                continue;
            }
            if update {
                std::fs::write(&file, text).expect("the file can be written");
            } else {
                stale.push(name);
            }
        }
        assert!(stale.is_empty(), "stale: {stale:?}; run UPDATE_REFERENCE=1 cargo test --lib references");
    }
}
