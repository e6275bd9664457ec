//! The kinds of component in `semantest-iac.yaml`. A kind is a module with its keys and how they are read, and a line of the
//! table; `code`, `gateway` and `treatment` have the keys that several share.

mod code;
mod function;
mod gateway;
mod rest_api;
mod treatment;

use std::path::Path;

use super::document::tree::{Content, Node};
use super::form::view::{Decoded, View};
use super::shape::{Choice, Field, ObjectShape, Shape, TextShape, reads};
use crate::domain::code::environment::Environment;
use crate::domain::component::{Component, ComponentKind, ComponentSpec};
use crate::domain::names::ComponentName;
use crate::domain::violation::FieldPath;

/// A kind of component.
struct Kind {
    kind: ComponentKind,
    /// Its keys.
    form: &'static ObjectShape,
    /// Reads an object of that form, with paths seen from a folder.
    read: fn(&View<'_>, &Path) -> Decoded<ComponentSpec>,
}

/// The table.
static KINDS: [Kind; 2] = [rest_api::KIND, function::KIND];

/// A component, by itself or as an environment changes it.
pub static COMPONENT: Choice = Choice {
    name: "component",
    description: "A part of the project that is deployed by name.",
    key: "kind",
    forms: || KINDS.iter().map(|kind| (kind.kind.as_str(), kind.form)).collect(),
};

static NAME: TextShape = TextShape::choice("a component kind", &ComponentKind::NAMES, reads::<ComponentKind>);

/// The key that says which kind it is.
const fn kind_field(description: &'static str) -> Field {
    Field::required("kind", Shape::Text(&NAME), description)
}

/// The kind of a component that has passed the check.
fn kind_of(node: &Node) -> &'static Kind {
    let named = match node.get(COMPONENT.key).map(|node| &node.content) {
        Some(Content::Scalar(scalar)) => KINDS.iter().find(|kind| kind.kind.as_str() == scalar.text),
        _ => None,
    };
    // What the check refuses isn't read.
    named.unwrap_or(&KINDS[0])
}

fn view<'n>(node: &'n Node, name: &ComponentName) -> View<'n> {
    View::root(node, kind_of(node).form, FieldPath::of(["components", name.as_str()]))
}

/// The keys of a component, by its kind.
pub fn form_of(node: &Node) -> &'static ObjectShape {
    kind_of(node).form
}

/// The component `name`, written in `node`, with paths seen from `folder`.
///
/// # Errors
/// The first rule between fields that is broken.
pub fn component(node: &Node, name: &ComponentName, folder: &Path) -> Decoded<Component> {
    let view = view(node, name);
    let component = Component::new(name.clone(), (kind_of(node).read)(&view, folder)?);
    Ok(component.treated(treatment::treatment(&view)?))
}

/// The environment variables of the component `name`, written in `node`.
///
/// # Errors
/// When one can't be read.
pub fn environment(node: &Node, name: &ComponentName) -> Decoded<Environment> {
    code::environment(&view(node, name))
}
