//! `protect`, `retain` and `resources`: how a component's resources are to be treated, whatever its kind.

use crate::adapters::configuration::document::tree::Node;
use crate::adapters::configuration::form::view::{Decoded, View};
use crate::adapters::configuration::shape::{Field, MapShape, ObjectShape, Shape, TextShape, reads};
use crate::domain::component::{InputPath, ResourceTreatment, Treatment};
use crate::domain::invalid::InvalidValue;

pub(super) const PROTECT: Field = Field::optional(
    "protect",
    Shape::Boolean,
    "Whether the deletion of its resources is refused, replacements among them. What was protected stays so until it is said not to be.",
);
pub(super) const RETAIN: Field = Field::optional(
    "retain",
    Shape::Boolean,
    "Whether its resources stay in the cloud when they are no longer wanted, and only leave the state.",
);
pub(super) const RESOURCES: Field = Field::optional(
    "resources",
    Shape::Map(&SINGLE),
    "How single resources are to be treated, by what a preview calls them after the component's name: `function` for `rest-api-function`.",
);

static SINGLE: MapShape = MapShape { keys: &NAME, values: Shape::Object(&TREATMENT) };

static TREATMENT: ObjectShape = ObjectShape {
    name: "resource",
    description: "How a resource is to be treated.",
    fields: &[
        PROTECT,
        RETAIN,
        Field::optional(
            "ignore-changes",
            Shape::List { items: &Shape::Text(&PATH), at_least: 0 },
            "Inputs whose changes are left alone, by whomever they were made.",
        ),
        Field::optional(
            "replace-on-changes",
            Shape::List { items: &Shape::Text(&PATH), at_least: 0 },
            "Inputs whose changes replace the resource.",
        ),
    ],
    exactly_one: &[],
    reserved: &[],
};

static NAME: TextShape =
    TextShape::new("a resource's name", Some("\\S"), &["function", "logs"], |text| match text.trim().is_empty() {
        true => Err(InvalidValue::new("resource's name", text, "it is empty")),
        false => Ok(()),
    });
static PATH: TextShape =
    TextShape::new("a property path", Some("\\S"), &["memorySize", "tags.owner"], reads::<InputPath>);

/// What a component says of the treatment of its resources.
pub(super) fn treatment(view: &View<'_>) -> Decoded<Treatment> {
    let single = view.field("resources").map(Node::entries).unwrap_or_default().iter().map(|entry| {
        let path = view.path.clone().key("resources").key(&entry.key);
        let view = View::root(&entry.value, &TREATMENT, path);
        let treatment = ResourceTreatment {
            ignore_changes: view.list("ignore-changes", str::parse)?,
            replace_on_changes: view.list("replace-on-changes", str::parse)?,
            ..of_all(&view)
        };
        Ok((entry.key.clone(), treatment))
    });
    Ok(Treatment { single: single.collect::<Decoded<_>>()?, all: of_all(view) })
}

fn of_all(view: &View<'_>) -> ResourceTreatment {
    let said = |key: &str| view.has(key).then(|| view.truth(key));
    ResourceTreatment { protect: said("protect"), retain: said("retain"), ..ResourceTreatment::default() }
}
