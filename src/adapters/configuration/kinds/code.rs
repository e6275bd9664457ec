//! The keys that every kind has that runs code, and how they are read.

use std::path::Path;

use crate::adapters::configuration::document::problem::Problem;
use crate::adapters::configuration::document::tree::{Content, Node};
use crate::adapters::configuration::form::fields::TIME_PATTERN;
use crate::adapters::configuration::form::view::{Decoded, View};
use crate::adapters::configuration::shape::{Field, MapShape, ObjectShape, Shape, TextShape, reads};
use crate::domain::code::environment::{Environment, VariableName, VariableValue};
use crate::domain::code::function::{CommandLine, Handler, ServerlessFunction, SourceFolder, Start};
use crate::domain::code::logs::LogRetention;
use crate::domain::code::runtime::{Architecture, Runtime};
use crate::domain::invalid::InvalidValue;
use crate::domain::quantity::{Memory, Timeout};

pub(super) const SOURCE: Field = Field::required(
    "source",
    Shape::Text(&SOURCE_FOLDER),
    "The folder with the component's code, seen from this file's folder.",
);

pub(super) const BUILD: Field = Field::optional(
    "build",
    Shape::Text(&COMMAND),
    "The command that builds it, run in a copy of the source folder before packaging.",
);

pub(super) const RUNTIME: Field =
    Field::defaulted("runtime", Shape::Text(&RUNTIME_NAME), "nodejs22", "The language runtime.");

pub(super) const ARCHITECTURE: Field = Field::defaulted(
    "architecture",
    Shape::Text(&PROCESSOR),
    "x86_64",
    "The processor that the code runs on. Native modules must be built for it.",
);

pub(super) const MEMORY: Field =
    Field::defaulted("memory", Shape::Text(&MEMORY_AMOUNT), "512MB", "How much memory the code gets.");

pub(super) const TIMEOUT: Field =
    Field::defaulted("timeout", Shape::Text(&TIME), "30s", "How long one request may take.");

pub(super) const ENVIRONMENT: Field = Field::optional(
    "environment",
    Shape::Map(&VARIABLES),
    "Environment variables of the code. ${config.<name>} stands for a configuration value of the stack (Pulumi.<stack>.yaml, `config set`), as it does wherever a component has a single value; $${config. for these characters. What is written here is no secret; what is taken by from-env or from a secret configuration value is one.",
);

pub(super) const LOGS: Field =
    Field::optional("logs", Shape::Object(&LOGS_SHAPE), "What happens to the component's logs.");

static VARIABLES: MapShape = MapShape {
    keys: &VARIABLE_NAME,
    values: Shape::AnythingOr("The variable's value, taken as it is written.", &SECRET),
};

/// A variable's value that doesn't stand in the file.
static SECRET: ObjectShape = ObjectShape {
    name: "secret",
    description: "A secret that the command takes from its own environment: encrypted in the state, and never shown.",
    fields: &[Field::required(
        "from-env",
        Shape::Text(&VARIABLE_NAME),
        "The variable of the command that holds the value.",
    )],
    exactly_one: &[],
    reserved: &[],
};

/// `logs`
static LOGS_SHAPE: ObjectShape = ObjectShape {
    name: "logs",
    description: "What happens to the component's logs.",
    fields: &[Field::defaulted(
        "retention",
        Shape::Text(&RETENTION),
        "14d",
        "How long they are kept: whole days, or forever.",
    )],
    exactly_one: &[],
    reserved: &[],
};

static SOURCE_FOLDER: TextShape = TextShape::new("a folder", None, &["./rest-api"], |text| {
    SourceFolder::new(std::path::Path::new("."), text).map(drop)
});
pub(super) static COMMAND: TextShape =
    TextShape::new("a command", Some("\\S"), &["npm ci --omit=dev"], reads::<CommandLine>);
pub(super) static HANDLER: TextShape =
    TextShape::new("a handler", Some("^[^\\s/][^\\s]*\\.[^\\s.]+$"), &["dist/lambda.handler"], reads::<Handler>);
static RUNTIME_NAME: TextShape =
    TextShape::new("a runtime", Some("^nodejs[1-9][0-9]*$"), &["nodejs22", "nodejs24"], reads::<Runtime>);
static PROCESSOR: TextShape = TextShape::choice("an architecture", &Architecture::NAMES, reads::<Architecture>);
static MEMORY_AMOUNT: TextShape = TextShape::new(
    "an amount of memory",
    Some("^ *[0-9]+(\\.[0-9]{1,3})? *(MB|GB|MiB|GiB) *$"),
    &["512MB", "1GB"],
    reads::<Memory>,
);
pub(super) static TIME: TextShape =
    TextShape::new("a length of time", Some(TIME_PATTERN), &["30s", "500ms", "1m30s"], reads::<Timeout>);
static RETENTION: TextShape = TextShape::new(
    "a log retention",
    Some("^(forever| *[0-9].*[smhd] *)$"),
    &["14d", "forever"],
    reads::<LogRetention>,
);
static VARIABLE_NAME: TextShape = TextShape::new(
    "an environment variable name",
    Some("^[A-Za-z_][A-Za-z0-9_]*$"),
    &["API_VERSION"],
    reads::<VariableName>,
);

/// The code, started as `start` says.
pub(super) fn function(view: &View<'_>, start: Start, folder: &Path) -> Decoded<ServerlessFunction> {
    let source = view.written("source").unwrap_or_default();
    Ok(ServerlessFunction {
        source: SourceFolder::new(folder, source).map_err(|error| view.refuse("source", &error))?,
        build: view.optional("build")?,
        start,
        port: None,
        runtime: view.required("runtime")?,
        architecture: view.required("architecture")?,
        memory: view.required("memory")?,
        timeout: view.required("timeout")?,
        environment: environment(view)?,
    })
}

/// The environment variables.
pub(super) fn environment(view: &View<'_>) -> Decoded<Environment> {
    let entries = view.field("environment").map(Node::entries).unwrap_or_default();
    entries
        .iter()
        .map(|entry| {
            let refuse = |error: InvalidValue| {
                Problem::invalid(&error)
                    .in_field(view.path.clone().key("environment").key(&entry.key))
                    .at(entry.value.span, error.what())
            };
            let value = match &entry.value.content {
                Content::Scalar(scalar) => VariableValue::written(&scalar.text).map_err(refuse)?,
                _ => {
                    let path = view.path.clone().key("environment").key(&entry.key);
                    VariableValue::secret_from(View::root(&entry.value, &SECRET, path).required("from-env")?)
                }
            };
            Ok((entry.key.parse().map_err(refuse)?, value))
        })
        .collect()
}

/// How long the logs are kept.
pub(super) fn log_retention(view: &View<'_>) -> Decoded<LogRetention> {
    view.object("logs", &LOGS_SHAPE).required("retention")
}
