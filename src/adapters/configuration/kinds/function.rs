//! `kind: function`: a handler without a gateway.

use std::path::Path;

use super::code::{self, ARCHITECTURE, BUILD, ENVIRONMENT, LOGS, MEMORY, RUNTIME, SOURCE, TIME, TIMEOUT};
use super::treatment::{PROTECT, RESOURCES, RETAIN};
use super::{Kind, kind_field};
use crate::adapters::configuration::form::view::{Decoded, View};
use crate::adapters::configuration::shape::{Field, ObjectShape, Shape, TextShape, reads};
use crate::domain::code::function::Start;
use crate::domain::code::health::{Invocation, JsonEvent};
use crate::domain::component::{ComponentKind, ComponentSpec, Function};
use crate::domain::invalid::InvalidValue;

/// The kind.
pub(super) const KIND: Kind = Kind { kind: ComponentKind::Function, form: &FORM, read };

static FORM: ObjectShape = ObjectShape {
    name: "function",
    description: "A handler without a gateway: it runs when it is invoked by its name.",
    fields: &[
        kind_field("What the component is: function is a handler without a gateway."),
        SOURCE,
        BUILD,
        Field::required("handler", Shape::Text(&code::HANDLER), "The exported function that is invoked."),
        RUNTIME,
        ARCHITECTURE,
        MEMORY,
        TIMEOUT,
        ENVIRONMENT,
        Field::optional(
            "health",
            Shape::Object(&HEALTH),
            "An invocation that must end without an error before a deployment counts as done.",
        ),
        Field::optional("url", Shape::Text(&URL), "`function` gives it an address of its own, open to everybody."),
        LOGS,
        PROTECT,
        RETAIN,
        RESOURCES,
    ],
    exactly_one: &[],
    reserved: &[
        ("start", "a server needs a gateway before it: make it a rest-api, or name a handler"),
        ("gateway", "a function has no gateway: make it a rest-api"),
    ],
};

static HEALTH: ObjectShape = ObjectShape {
    name: "invocation",
    description: "An invocation that must end without an error before a deployment counts as done.",
    fields: &[
        Field::defaulted("event", Shape::Text(&EVENT), "{}", "What the handler is invoked with: a JSON text."),
        Field::defaulted(
            "timeout",
            Shape::Text(&TIME),
            "20s",
            "How long the component may take until it first answers well.",
        ),
    ],
    exactly_one: &[],
    reserved: &[],
};

static URL: TextShape = TextShape::choice("whose address it is", &["function"], |text| match text {
    "function" => Ok(()),
    _ => Err(InvalidValue::new("address", text, "a function has no other than its own")
        .with_hint("write function, or make it a rest-api for a gateway")),
});
static EVENT: TextShape = TextShape::new("a JSON text", Some("\\S"), &["{\"ping\": true}"], reads::<JsonEvent>);

fn read(view: &View<'_>, folder: &Path) -> Decoded<ComponentSpec> {
    let function = code::function(view, Start::Handler(view.required("handler")?), folder)?;
    let health = view.has("health").then(|| {
        let view = view.object("health", &HEALTH);
        Ok(Invocation { event: view.required("event")?, timeout: view.required("timeout")? })
    });
    let function = Function::new(function, health.transpose()?, view.has("url"), code::log_retention(view)?);
    function.map(ComponentSpec::Function).map_err(|error| view.refuse("handler", &error))
}
