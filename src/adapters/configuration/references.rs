//! References to a stack's configuration values in a component, `${config.<name>}`, outside of its environment variables: what
//! stands there is known only once the stack is, so it is checked and read then. (A reference within an environment variable
//! stays one, since its value may be secret.)

use crate::domain::code::config_text::{ConfigText, Template};
use crate::domain::violation::FieldPath;

use super::document::problem::Problem;
use super::document::source::Span;
use super::document::tree::{Content, Node, ScalarKind};

/// The part of a component whose references stay.
const ENVIRONMENT: &str = "environment";

/// A single value with references.
#[derive(Debug, Clone)]
pub struct Reference {
    /// Where it is, from the component on.
    pub field: FieldPath,
    /// Where it was written.
    pub span: Span,
    /// What was written.
    pub text: String,
    template: Template,
}

impl Reference {
    /// The configuration values that it names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.template.names()
    }

    /// Those of them that aren't known.
    pub fn unknown(&self) -> impl Iterator<Item = &str> {
        self.template.unknown()
    }
}

/// Marks the references in the components of a whole file, and in what environments change about them.
pub fn mark(root: &mut Node, problems: &mut Vec<Problem>) {
    let mut components: Vec<(FieldPath, &mut Node)> = Vec::new();
    for entry in root.entries_mut() {
        match entry.key.as_str() {
            "components" => components.push((FieldPath::of(["components"]), &mut entry.value)),
            "environments" => {
                for environment in entry.value.entries_mut() {
                    let path = FieldPath::of(["environments", &environment.key, "components"]);
                    components.extend(environment.value.get_mut("components").map(|node| (path, node)));
                }
            }
            _ => {}
        }
    }
    for (path, components) in components {
        for component in components.entries_mut() {
            for entry in component.value.entries_mut().iter_mut().filter(|entry| entry.key != ENVIRONMENT) {
                mark_node(&mut entry.value, path.clone().key(&component.key).key(&entry.key), problems);
            }
        }
    }
}

fn mark_node(node: &mut Node, path: FieldPath, problems: &mut Vec<Problem>) {
    match &mut node.content {
        Content::Null => {}
        Content::Scalar(scalar) => match Template::parse(&scalar.text) {
            Ok(None) => {}
            Ok(Some(template)) if template.names().next().is_none() => scalar.text = template.text(),
            Ok(Some(_)) => scalar.kind = ScalarKind::Reference,
            Err(reason) => {
                // Told here, and not once more as a value that doesn't fit.
                scalar.kind = ScalarKind::Reference;
                problems.push(
                    Problem::new("config/invalid-value", reason)
                        .with_hint("write ${config.<name>}, or $${config. for the characters themselves")
                        .in_field(path)
                        .at(node.span, "no reference"),
                );
            }
        },
        Content::List(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                mark_node(item, path.clone().index(index), problems);
            }
        }
        Content::Map(entries) => {
            for entry in entries {
                mark_node(&mut entry.value, path.clone().key(&entry.key), problems);
            }
        }
    }
}

/// The references in a component whose tree was marked.
pub fn of(component: &Node) -> Vec<Reference> {
    let mut found = Vec::new();
    collect(component, &FieldPath::root(), &mut found);
    found
}

fn collect(node: &Node, path: &FieldPath, found: &mut Vec<Reference>) {
    match &node.content {
        Content::Null => {}
        Content::Scalar(scalar) => {
            if scalar.kind == ScalarKind::Reference {
                let template = Template::parse(&scalar.text).ok().flatten().unwrap_or_default();
                found.push(Reference { field: path.clone(), span: node.span, text: scalar.text.clone(), template });
            }
        }
        Content::List(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, &path.clone().index(index), found);
            }
        }
        Content::Map(entries) => {
            for entry in entries {
                collect(&entry.value, &path.clone().key(&entry.key), found);
            }
        }
    }
}

/// Puts in the values that `lookup` knows. Gives the component's tree with them once all are known.
///
/// # Errors
/// The places where a secret would be shown.
pub fn fill(
    component: &Node,
    references: &mut [Reference],
    lookup: &dyn Fn(&str) -> Option<ConfigText>,
) -> Result<Option<Node>, Vec<Problem>> {
    references.iter_mut().for_each(|reference| reference.template.fill(lookup));
    let secret = references.iter().filter(|reference| reference.template.is_secret()).map(|reference| {
        let message = "a secret configuration value can only be used in `environment`";
        Problem::new("config/secret-value", message)
            .with_hint("what stands here is no secret: set the value again without --secret")
            .in_field(&reference.field)
            .at(reference.span, "refers to a secret")
    });
    let secret: Vec<Problem> = secret.collect();
    if !secret.is_empty() {
        return Err(secret);
    }
    if references.iter().any(|reference| reference.unknown().next().is_some()) {
        return Ok(None);
    }
    let mut filled = component.clone();
    for reference in references {
        if let Some(node) = filled.at_mut(&reference.field)
            && let Content::Scalar(scalar) = &mut node.content
        {
            (scalar.text, scalar.kind) = (reference.template.text(), ScalarKind::Configured);
        }
    }
    Ok(Some(filled))
}
