//! `kind: rest-api`: an HTTP server or handler behind a gateway.

use std::num::NonZeroU16;
use std::path::Path;

use super::code::{self, ARCHITECTURE, BUILD, ENVIRONMENT, LOGS, MEMORY, RUNTIME, SOURCE, TIME, TIMEOUT};
use super::gateway::{self, GATEWAY};
use super::treatment::{PROTECT, RESOURCES, RETAIN};
use super::{Kind, kind_field};
use crate::adapters::configuration::document::problem::Problem;
use crate::adapters::configuration::form::view::{Decoded, View};
use crate::adapters::configuration::shape::{Field, ObjectShape, Shape, TextShape, reads};
use crate::domain::code::function::{CommandLine, ServerlessFunction, Start};
use crate::domain::code::health::{HealthCheck, RequestPath};
use crate::domain::component::{ComponentKind, ComponentSpec, FrontDoor, RestApi};
use crate::domain::invalid::InvalidValue;

/// The word for an address of the function's own.
const FUNCTION: &str = "function";

/// The kind.
pub(super) const KIND: Kind = Kind { kind: ComponentKind::RestApi, form: &FORM, read };

static FORM: ObjectShape = ObjectShape {
    name: "rest-api",
    description: "An HTTP server behind a gateway.",
    fields: &[
        kind_field("What the component is: rest-api is an HTTP server behind a gateway."),
        SOURCE,
        BUILD,
        Field::optional(
            "start",
            Shape::Text(&START),
            "The command that starts an unchanged server, which listens on $PORT. Either this or handler.",
        ),
        Field::optional(
            "port",
            Shape::WholeNumber { from: 1, to: 65_535 },
            "The port that the server listens on whatever $PORT says. Where it is left out and the server listens on one other port and on no second, that one is asked.",
        ),
        Field::optional(
            "handler",
            Shape::Text(&code::HANDLER),
            "The exported function, in code that is a handler of the cloud's events already. Either this or start.",
        ),
        RUNTIME,
        ARCHITECTURE,
        MEMORY,
        TIMEOUT,
        ENVIRONMENT,
        Field::optional(
            "health",
            Shape::Object(&HEALTH),
            "A request that must be answered with success before a deployment counts as done.",
        ),
        Field::optional("gateway", Shape::Object(&GATEWAY), "The front door: routes, tokens, CORS, throttling."),
        Field::defaulted(
            "url",
            Shape::Text(&URL),
            "gateway",
            "Whose address the component has: that of a gateway, or one of its function's own, which costs less and waits longer, but has no routes, tokens or throttling.",
        ),
        LOGS,
        PROTECT,
        RETAIN,
        RESOURCES,
    ],
    exactly_one: &["start", "handler"],
    reserved: &[],
};

/// `health`
static HEALTH: ObjectShape = ObjectShape {
    name: "health",
    description: "A request that must be answered with success before a deployment counts as done.",
    fields: &[
        Field::required("path", Shape::Text(&REQUEST_PATH), "The path that is asked for with GET."),
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

static URL: TextShape = TextShape::choice("whose address it is", &["gateway", FUNCTION], |text| match text {
    "gateway" | FUNCTION => Ok(()),
    _ => Err(InvalidValue::new("address", text, "there is no such address")
        .with_hint("write gateway, or function for an address of the function's own")),
});
static START: TextShape = TextShape::new("a command", Some("\\S"), &["node server.js"], reads::<CommandLine>);
static REQUEST_PATH: TextShape = TextShape::new("a path", Some("^/"), &["/health"], reads::<RequestPath>);

fn read(view: &View<'_>, folder: &Path) -> Decoded<ComponentSpec> {
    let start = match view.has("handler") {
        true => Start::Handler(view.required("handler")?),
        false => Start::Server(view.required("start")?),
    };
    if let (Start::Handler(_), Some(node)) = (&start, view.field("port")) {
        return Err(Problem::new("config/contradiction", "`port` is where a server listens, and a handler isn't one")
            .in_field(view.path.clone().key("port"))
            .at(node.span, "no server")
            .with_hint("leave it out, or start a server by `start`"));
    }
    let port = view.number("port").and_then(|port| NonZeroU16::new(u16::try_from(port).ok()?));
    let function = ServerlessFunction { port, ..code::function(view, start, folder)? };
    let gateway = view.object("gateway", &GATEWAY);
    let door = match view.written("url") {
        Some(FUNCTION) => FrontDoor::FunctionUrl { cors: gateway::cors_alone(&gateway)? },
        _ => FrontDoor::Gateway(gateway::gateway(&gateway)?),
    };
    let health = view.has("health").then(|| health(&view.object("health", &HEALTH))).transpose()?;
    let api = RestApi::new(function, door, health, code::log_retention(view)?);
    api.map(ComponentSpec::RestApi).map_err(|error| view.refuse("health", &error))
}

fn health(view: &View<'_>) -> Decoded<HealthCheck> {
    Ok(HealthCheck { path: view.required("path")?, timeout: view.required("timeout")? })
}
