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
