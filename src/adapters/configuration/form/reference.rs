//! The reference of the configuration file for people, made from the table of its shape:
//! `docs/reference/configuration.md` is this, written down.

use std::fmt::Write;

use crate::adapters::configuration::clouds::Clouds;
use crate::adapters::configuration::shape::{Field, ObjectShape, Shape, TextShape};

/// The reference as Markdown: a section for each mapping, a row for each key.
pub fn markdown(clouds: &'static Clouds) -> String {
    let mut text = String::from(
        "# semantest-iac.yaml\n\n\
         <!-- Generated from the table that checks the file: UPDATE_REFERENCE=1 cargo test -p semantest-iac --lib reference -->\n\n\
         Editors that know the YAML language server check the file while it is written, with this line at its top:\n\n\
         ```yaml\n# yaml-language-server: $schema=<path or URL of semantest-iac.schema.json>\n```\n\n\
         Unknown keys are refused. Amounts have units: `512MB`, `1GB`; `500ms`, `30s`, `2m`, `1h30m`, `14d`. Relative paths are seen from \
         the file's folder. Keys with a * must be there.\n",
    );
    let mut sections = vec![Section { path: String::new(), form: None, object: clouds.root() }];
    let mut next = 0;
    while next < sections.len() {
        let Section { path, form, object } = sections[next].clone();
        // Forms of a mapping share its path, and may share the paths below.
        let is_told = sections[..next].iter().any(|told| told.path == path);
        let is_form = sections[next + 1..].iter().any(|other| other.path == path);
        section(&mut text, &path, form.as_deref().filter(|_| is_told || is_form), object);
        let below = object.fields.iter().flat_map(|field| {
            let path = if path.is_empty() { field.key.to_owned() } else { format!("{path}.{}", field.key) };
            sections_below(path, form.as_deref(), &field.shape)
        });
        let is_new = |new: &Section| !sections.iter().any(|known| std::ptr::eq(known.object, new.object));
        let below: Vec<_> = below.filter(is_new).collect();
        sections.splice(next + 1..next + 1, below);
        next += 1;
    }
    text
}

/// A mapping to tell of.
#[derive(Clone)]
struct Section {
    path: String,
    /// Of which form of a mapping it is, or is a part.
    form: Option<String>,
    object: &'static ObjectShape,
}

/// The mappings that a shape leads to.
fn sections_below(path: String, form: Option<&str>, shape: &Shape) -> Vec<Section> {
    match shape {
        Shape::Object(object) | Shape::AnythingOr(_, object) => {
            vec![Section { path, form: form.map(str::to_owned), object }]
        }
        Shape::Choice(choice) => {
            let forms = (choice.forms)().into_iter();
            let of =
                |(text, object)| Section { path: path.clone(), form: Some(format!("{}: {text}", choice.key)), object };
            forms.map(of).collect()
        }
        Shape::Map(map) => sections_below(format!("{path}.<name>"), form, &map.values),
        Shape::List { items, .. } => sections_below(format!("{path}[]"), form, items),
        Shape::WordOr(_, other) => sections_below(path, form, other),
        _ => Vec::new(),
    }
}

fn section(text: &mut String, path: &str, form: Option<&str>, object: &ObjectShape) {
    let title = match (path, form) {
        ("", _) => "The file".to_owned(),
        (path, None) => format!("`{path}`"),
        (path, Some(form)) => format!("`{path}` (`{form}`)"),
    };
    let mut add = |line: &str| {
        text.push_str(line);
        text.push('\n');
    };
    add("");
    add(&format!("## {title}"));
    add("");
    add(object.description);
    if !object.exactly_one.is_empty() {
        let keys: Vec<String> = object.exactly_one.iter().map(|key| format!("`{key}`")).collect();
        add(&format!("Exactly one of {} must be there.", keys.join(" and ")));
    }
    add("");
    add("| key | value | default | meaning |");
    add("| --- | --- | --- | --- |");
    for field in object.fields {
        add(&row(field));
    }
}

fn row(field: &Field) -> String {
    let star = if field.required { " *" } else { "" };
    let default = field.default.map(|default| format!("`{default}`")).unwrap_or_default();
    let value = value(&field.shape).replace('|', "\\|");
    format!("| `{}`{star} | {value} | {default} | {} |", field.key, field.description.replace('|', "\\|"))
}

fn value(shape: &Shape) -> String {
    match shape {
        Shape::Object(_) => "a mapping, see below".to_owned(),
        Shape::Partial(object) => format!("any part of a {}", object.name),
        Shape::Choice(choice) => format!("a mapping, by its {}, see below", choice.key),
        Shape::PartialChoice(choice) => format!("any part of a {}", choice.name),
        Shape::Map(map) => {
            let example = map.keys.examples.first().unwrap_or(&"…");
            format!(
                "by {} (`{example}`): {}",
                map.keys.what.trim_start_matches("an ").trim_start_matches("a "),
                value(&map.values)
            )
        }
        Shape::List { items, .. } => format!("a list: {}", value(items)),
        Shape::Text(text) => text_value(text),
        Shape::Anything(_) => "text, a number, true or false, taken as written".to_owned(),
        Shape::AnythingOr(..) => "text, a number, true or false, taken as written; or a mapping, see below".to_owned(),
        Shape::WholeNumber { from, .. } => format!("a whole number from {from}"),
        Shape::Boolean => "`true` or `false`".to_owned(),
        Shape::WordOr(word, other) => format!("`{word}`, or {}", value(other)),
    }
}

fn text_value(text: &TextShape) -> String {
    let quoted = |words: &[&str]| words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    if text.choices.is_empty() {
        let mut value = text.what.to_owned();
        // Writing to a String can't fail.
        let _ = write!(value, ": {}", quoted(text.examples));
        value
    } else {
        format!("one of {}", quoted(text.choices))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::schema::json_schema;
    use crate::adapters::clouds::CLOUDS;

    /// `UPDATE_REFERENCE=1 cargo test` writes the file; otherwise it must be as the code says.
    fn assert_written(name: &str, current: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference").join(name);
        if std::env::var_os("UPDATE_REFERENCE").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, current).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            written == current,
            "{} is stale: run UPDATE_REFERENCE=1 cargo test -p semantest-iac --lib reference",
            path.display()
        );
    }

    #[test]
    fn the_schema_is_not_stale() {
        assert_written("semantest-iac.schema.json", &format!("{:#}\n", json_schema(&CLOUDS)));
    }

    #[test]
    fn the_page_is_not_stale() {
        assert_written("configuration.md", &super::markdown(&CLOUDS));
    }
}
