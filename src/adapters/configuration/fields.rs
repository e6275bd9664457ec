//! The configuration's shape: every key of `semantest-iac.yaml`, what it means, what may stand
//! there and what holds where it is left out. The reference and the checks are made from here.

use std::str::FromStr;

use crate::domain::authentication::{Audience, Issuer};
use crate::domain::component::ComponentKind;
use crate::domain::cors::{HeaderName, Origin};
use crate::domain::environment::VariableName;
use crate::domain::function::{CommandLine, Handler, SourceFolder};
use crate::domain::health::RequestPath;
use crate::domain::invalid::InvalidValue;
use crate::domain::logs::LogRetention;
use crate::domain::names::{ComponentName, EnvironmentName, ProjectName};
use crate::domain::quantity::{Memory, TimeSpan, Timeout};
use crate::domain::route::{HttpMethod, RouteMethod, RoutePath};
use crate::domain::runtime::Runtime;

use super::settings::{self, LeaseSpan, StateEncryption, StateLocation};
use super::shape::{Field, MapShape, ObjectShape, Shape, TextShape, reads};

/// Reads `*` or what `T` reads.
fn reads_or_wildcard<T: FromStr<Err = InvalidValue>>(text: &str) -> Result<(), InvalidValue> {
    if text == "*" { Ok(()) } else { reads::<T>(text) }
}

const fn required(key: &'static str, shape: Shape, description: &'static str) -> Field {
    Field { key, description, shape, required: true, default: None }
}

const fn optional(key: &'static str, shape: Shape, description: &'static str) -> Field {
    Field { key, description, shape, required: false, default: None }
}

const fn defaulted(key: &'static str, shape: Shape, default: &'static str, description: &'static str) -> Field {
    Field { key, description, shape, required: false, default: Some(default) }
}

/// The whole file, without the keys of the clouds.
pub static ROOT: ObjectShape = ObjectShape {
    name: "configuration",
    description: "A project of Semantest: its components, and the environments that they are deployed to.",
    fields: &[
        required("project", Shape::Text(&PROJECT_NAME), "The project's name, which is also Pulumi's project name."),
        optional("state", Shape::Object(&STATE), "Where the state of deployments is kept."),
        required(
            "components",
            Shape::Map(&MapShape { keys: &COMPONENT_NAME, values: Shape::Object(&COMPONENT) }),
            "What the project is made of, by name.",
        ),
        optional(
            "environments",
            Shape::Map(&MapShape { keys: &ENVIRONMENT_NAME, values: Shape::Object(&ENVIRONMENT) }),
            "Where the components are deployed to, by name, and what is different there.",
        ),
    ],
    exactly_one: &[],
    reserved: &[],
};

/// `state`
pub static STATE: ObjectShape = ObjectShape {
    name: "state",
    description: "Where the state of deployments is kept, in Pulumi's layout.",
    fields: &[
        defaulted(
            "url",
            Shape::Text(&STATE_URL),
            "file://./.semantest",
            "A folder (file://, a relative one seen from this file's folder), a bucket of S3 (s3://) or a container of Azure's blob storage (azblob://), with Pulumi's parameters. Without it PULUMI_BACKEND_URL counts, where that is set.",
        ),
        defaulted(
            "encryption",
            Shape::Text(&ENCRYPTION),
            "secrets",
            "What of a stack is encrypted: secrets is each secret value, in Pulumi's way, so that Pulumi reads the state in place; full is every file as a whole. It is for new stacks; the commands stack encrypt and stack decrypt change one that is there.",
        ),
        defaulted(
            "lease",
            Shape::Text(&LEASE),
            "30s",
            "How long a lock outlives its holder: what has died on another machine is taken over after this time.",
        ),
        defaulted(
            "secrets-provider",
            Shape::Text(&SECRETS_PROVIDER),
            "passphrase",
            "Who encrypts the secrets of a stack that has no secrets manager yet: a passphrase, or a key of AWS KMS or Azure Key Vault by Pulumi's URL. A stack that has one keeps it; `stack change-secrets-provider` changes it.",
        ),
    ],
    exactly_one: &[],
    reserved: &[],
};

/// A component, by itself or as an environment changes it.
pub static COMPONENT: ObjectShape = ObjectShape {
    name: "component",
    description: "A part of the project that is deployed by name.",
    fields: &[
        required("kind", Shape::Text(&KIND), "What the component is: rest-api is an HTTP server behind a gateway."),
        required("source", Shape::Text(&SOURCE), "The folder with the component's code, seen from this file's folder."),
        optional(
            "build",
            Shape::Text(&COMMAND),
            "The command that builds it, run in the source folder before packaging.",
        ),
        optional(
            "start",
            Shape::Text(&START),
            "The command that starts an unchanged server, which listens on $PORT. Either this or handler.",
        ),
        optional(
            "handler",
            Shape::Text(&HANDLER),
            "The exported function, in code that is a handler of the cloud's events already. Either this or start.",
        ),
        defaulted("runtime", Shape::Text(&RUNTIME), "nodejs22", "The language runtime."),
        defaulted("memory", Shape::Text(&MEMORY), "512MB", "How much memory the code gets."),
        defaulted("timeout", Shape::Text(&TIMEOUT), "30s", "How long one request may take."),
        optional(
            "environment",
            Shape::Map(&MapShape {
                keys: &VARIABLE_NAME,
                values: Shape::AnythingOr("The variable's value, taken as it is written.", &SECRET),
            }),
            "Environment variables of the code. ${config.<name>} stands for a configuration value of the stack (Pulumi.<stack>.yaml, `config set`), as it does wherever a component has a single value; $${config. for these characters. What is written here is no secret; what is taken by from-env or from a secret configuration value is one.",
        ),
        optional(
            "health",
            Shape::Object(&HEALTH),
            "A request that must be answered with success before a deployment counts as done.",
        ),
        optional("gateway", Shape::Object(&GATEWAY), "The front door: routes, tokens, CORS, throttling."),
        optional("logs", Shape::Object(&LOGS), "What happens to the component's logs."),
    ],
    exactly_one: &["start", "handler"],
    reserved: &[],
};

/// A variable's value that doesn't stand in the file.
pub static SECRET: ObjectShape = ObjectShape {
    name: "secret",
    description: "A secret that the command takes from its own environment: encrypted in the state, and never shown.",
    fields: &[required("from-env", Shape::Text(&VARIABLE_NAME), "The variable of the command that holds the value.")],
    exactly_one: &[],
    reserved: &[],
};

/// `health`
pub static HEALTH: ObjectShape = ObjectShape {
    name: "health",
    description: "A request that must be answered with success before a deployment counts as done.",
    fields: &[
        required("path", Shape::Text(&REQUEST_PATH), "The path that is asked for with GET."),
        defaulted(
            "timeout",
            Shape::Text(&TIMEOUT),
            "20s",
            "How long the component may take until it first answers well.",
        ),
    ],
    exactly_one: &[],
    reserved: &[],
};

/// `logs`
pub static LOGS: ObjectShape = ObjectShape {
    name: "logs",
    description: "What happens to the component's logs.",
    fields: &[defaulted(
        "retention",
        Shape::Text(&RETENTION),
        "14d",
        "How long they are kept: whole days, or forever.",
    )],
    exactly_one: &[],
    reserved: &[],
};

/// `gateway`
pub static GATEWAY: ObjectShape = ObjectShape {
    name: "gateway",
    description: "The front door of a component.",
    fields: &[
        optional("cors", Shape::Object(&CORS), "Which other origins' pages may call from a browser."),
        defaulted("auth", AUTH, "none", "Who may send requests, where a route doesn't say otherwise."),
        optional(
            "routes",
            Shape::List { items: &Shape::Object(&ROUTE), at_least: 0 },
            "Routes with a setting of their own.",
        ),
        defaulted(
            "catch-all",
            Shape::Boolean,
            "true",
            "Whether requests that fall under no listed route are taken too.",
        ),
        optional("throttle", Shape::Object(&THROTTLE), "How many requests pass before 429 is answered."),
    ],
    exactly_one: &[],
    reserved: &[],
};

/// `gateway.cors`
pub static CORS: ObjectShape = ObjectShape {
    name: "cors",
    description: "Which other origins' pages may call from a browser.",
    fields: &[
        required(
            "origins",
            Shape::List { items: &Shape::Text(&ORIGIN), at_least: 1 },
            "The origins, or \"*\" for every one.",
        ),
        optional(
            "methods",
            Shape::List { items: &Shape::Text(&CORS_METHOD), at_least: 0 },
            "The methods, or \"*\" for every one; GET, HEAD and POST where they are left out.",
        ),
        optional(
            "headers",
            Shape::List { items: &Shape::Text(&HEADER), at_least: 0 },
            "The request headers beyond the ordinary ones, or \"*\".",
        ),
        optional(
            "expose-headers",
            Shape::List { items: &Shape::Text(&HEADER), at_least: 0 },
            "The response headers that a page may read beyond the ordinary ones, or \"*\".",
        ),
        optional("max-age", Shape::Text(&TIME_SPAN), "How long a browser may remember the answer."),
        defaulted("credentials", Shape::Boolean, "false", "Whether cookies and the like are sent along."),
    ],
    exactly_one: &[],
    reserved: &[],
};

/// `auth`, of a gateway or a route.
pub static AUTH: Shape = Shape::WordOr("none", &Shape::Object(&TOKEN_AUTH));

/// `auth`, where it asks for a token.
pub static TOKEN_AUTH: ObjectShape = ObjectShape {
    name: "auth",
    description: "Who may send requests.",
    fields: &[required("jwt", Shape::Object(&JWT), "The bearer of a JSON Web Token.")],
    exactly_one: &[],
    reserved: &[],
};

/// `auth.jwt`
pub static JWT: ObjectShape = ObjectShape {
    name: "jwt",
    description: "Tokens of one issuer, meant for one of the audiences.",
    fields: &[
        required("issuer", Shape::Text(&ISSUER), "The issuer's URL, exactly as it stands in \"iss\" of the tokens."),
        required(
            "audience",
            Shape::List { items: &Shape::Text(&AUDIENCE), at_least: 1 },
            "For whom the tokens are meant (\"aud\").",
        ),
    ],
    exactly_one: &[],
    reserved: &[],
};

/// An item of `gateway.routes`
pub static ROUTE: ObjectShape = ObjectShape {
    name: "route",
    description: "A route with a setting of its own.",
    fields: &[
        required(
            "path",
            Shape::Text(&ROUTE_PATH),
            "The path; {name} stands for one part, {name+} at the end for all the rest.",
        ),
        defaulted("method", Shape::Text(&ROUTE_METHOD), "ANY", "The method, or ANY."),
        optional("auth", AUTH, "Who may send requests to it; the gateway's auth where it is left out."),
    ],
    exactly_one: &[],
    reserved: &[],
};

/// `gateway.throttle`
pub static THROTTLE: ObjectShape = ObjectShape {
    name: "throttle",
    description: "How many requests pass before 429 is answered.",
    fields: &[
        required("rate", Shape::WholeNumber { from: 1, to: u32::MAX }, "Requests a second, on average."),
        required("burst", Shape::WholeNumber { from: 1, to: u32::MAX }, "Requests at once."),
    ],
    exactly_one: &[],
    reserved: &[],
};

/// An item of `environments`, without the keys of the clouds ([`Clouds::root`](super::Clouds::root) adds them).
pub static ENVIRONMENT: ObjectShape = ObjectShape {
    name: "environment",
    description: "Where components are deployed to, and what is different there.",
    fields: &[
        optional(
            "components",
            Shape::Map(&MapShape { keys: &COMPONENT_NAME, values: Shape::Partial(&COMPONENT) }),
            "What is different about components here. Mappings are merged, anything else replaces what it was, and ~ removes it.",
        ),
        optional(
            "adopt",
            Shape::Map(&MapShape { keys: &RESOURCE, values: Shape::Text(&FOREIGN_RESOURCE) }),
            "Which resources are taken over from another program, such as Pulumi's, that recorded them in the same stack: ours, as `semantest-iac graph` names it, and theirs, by URN, name or id. What has the physical name that it would get here is found without that.",
        ),
    ],
    exactly_one: &[],
    reserved: &[("azure", "this version deploys to AWS only; the key is kept for Azure")],
};

macro_rules! text {
    ($name:ident, $what:literal, $pattern:expr, $examples:expr, $check:expr) => {
        static $name: TextShape =
            TextShape { what: $what, pattern: $pattern, choices: &[], examples: $examples, check: $check };
    };
}

text!(PROJECT_NAME, "a project name", Some("^[A-Za-z0-9_.-]{1,100}$"), &["semantest"], reads::<ProjectName>);
text!(COMPONENT_NAME, "a component name", Some("^[a-z][a-z0-9]*(-[a-z0-9]+)*$"), &["rest-api"], reads::<ComponentName>);
text!(
    ENVIRONMENT_NAME,
    "an environment name",
    Some("^[a-z][a-z0-9]*(-[a-z0-9]+)*$"),
    &["local", "production"],
    reads::<EnvironmentName>
);
text!(
    VARIABLE_NAME,
    "an environment variable name",
    Some("^[A-Za-z_][A-Za-z0-9_]*$"),
    &["API_VERSION"],
    reads::<VariableName>
);
text!(
    STATE_URL,
    "a state URL",
    Some("^(file|s3|azblob)://.+$"),
    &["file://./.semantest", "s3://my-state/shop?region=eu-west-1", "azblob://state?storage_account=myaccount"],
    StateLocation::check
);
text!(
    SECRETS_PROVIDER,
    "a secrets provider",
    Some("^(passphrase|default|(awskms|azurekeyvault)://.+)$"),
    &[
        "passphrase",
        "awskms://alias/semantest-state?region=eu-west-1",
        "azurekeyvault://my-vault.vault.azure.net/keys/state"
    ],
    |text| text.parse::<state::NewSecrets>().map(drop).map_err(|error| {
        InvalidValue::new("secrets provider", text, "no such provider can be used")
            .with_hint(error.hint().unwrap_or_default())
    })
);
text!(SOURCE, "a folder", None, &["./rest-api"], |text| {
    SourceFolder::new(std::path::Path::new("."), text).map(drop)
});
text!(COMMAND, "a command", Some("\\S"), &["npm ci --omit=dev"], reads::<CommandLine>);
text!(START, "a command", Some("\\S"), &["node server.js"], reads::<CommandLine>);
text!(HANDLER, "a handler", Some("^[^\\s/][^\\s]*\\.[^\\s.]+$"), &["dist/lambda.handler"], reads::<Handler>);
text!(RUNTIME, "a runtime", Some("^nodejs[1-9][0-9]*$"), &["nodejs22", "nodejs24"], reads::<Runtime>);
text!(
    MEMORY,
    "an amount of memory",
    Some("^ *[0-9]+(\\.[0-9]{1,3})? *(MB|GB|MiB|GiB) *$"),
    &["512MB", "1GB"],
    reads::<Memory>
);
text!(TIMEOUT, "a length of time", Some(TIME_PATTERN), &["30s", "500ms", "1m30s"], reads::<Timeout>);
text!(LEASE, "a length of time from 5s to 10m", Some(TIME_PATTERN), &["30s", "2m"], reads::<LeaseSpan>);
text!(TIME_SPAN, "a length of time", Some(TIME_PATTERN), &["1h", "30s"], reads::<TimeSpan>);
text!(RETENTION, "a log retention", Some("^(forever| *[0-9].*[smhd] *)$"), &["14d", "forever"], reads::<LogRetention>);
text!(REQUEST_PATH, "a path", Some("^/"), &["/health"], reads::<RequestPath>);
text!(ROUTE_PATH, "a route path", Some("^/"), &["/health", "/users/{id}", "/files/{path+}"], reads::<RoutePath>);
text!(
    ORIGIN,
    "an origin",
    Some("^(\\*|[a-z][a-z0-9+.-]*://[^/?#@*]+)$"),
    &["https://semantest.com", "*"],
    reads_or_wildcard::<Origin>
);
text!(
    HEADER,
    "a header name",
    Some("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"),
    &["authorization", "content-type"],
    reads_or_wildcard::<HeaderName>
);
text!(ISSUER, "a token issuer", Some("^https?://[^?#]+$"), &["https://id.example.com/"], |text| Issuer::new(text)
    .map(drop));
text!(AUDIENCE, "an audience", Some("\\S"), &["semantest"], |text| Audience::new(text).map(drop));
text!(RESOURCE, "a resource's name", Some("\\S"), &["rest-api-role"], settings::check_resource);
text!(
    FOREIGN_RESOURCE,
    "a resource's name",
    Some("\\S"),
    &["urn:pulumi:prod::shop::aws:iam/role:Role::api-role", "api-role-1a2b3c4"],
    settings::check_resource
);

const TIME_PATTERN: &str = "^ *([0-9]+(\\.[0-9]{1,3})? *(d|h|ms|m|s) *)+$";

static KIND: TextShape = TextShape {
    what: "a component kind",
    pattern: None,
    choices: &["rest-api"],
    examples: &["rest-api"],
    check: reads::<ComponentKind>,
};

static ENCRYPTION: TextShape = TextShape {
    what: "an encryption of state",
    pattern: None,
    choices: &["secrets", "full"],
    examples: &["full"],
    check: reads::<StateEncryption>,
};

static CORS_METHOD: TextShape = TextShape {
    what: "a method",
    pattern: None,
    choices: &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "*"],
    examples: &["GET", "POST"],
    check: reads_or_wildcard::<HttpMethod>,
};

static ROUTE_METHOD: TextShape = TextShape {
    what: "a method",
    pattern: None,
    choices: &["ANY", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
    examples: &["ANY", "GET"],
    check: reads::<RouteMethod>,
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::clouds::CLOUDS;

    /// Every object of the table, each once.
    fn objects() -> Vec<&'static ObjectShape> {
        fn visit(shape: &Shape, found: &mut Vec<&'static ObjectShape>) {
            match shape {
                Shape::Object(object) | Shape::Partial(object) | Shape::AnythingOr(_, object) => {
                    if !found.iter().any(|known| std::ptr::eq(*known, *object)) {
                        found.push(object);
                        object.fields.iter().for_each(|field| visit(&field.shape, found));
                    }
                }
                Shape::Map(map) => visit(&map.values, found),
                Shape::List { items, .. } => visit(items, found),
                Shape::WordOr(_, other) => visit(other, found),
                Shape::Text(_) | Shape::Anything(_) | Shape::WholeNumber { .. } | Shape::Boolean => {}
            }
        }
        let mut found = Vec::new();
        visit(&Shape::Object(CLOUDS.root()), &mut found);
        found
    }

    #[test]
    fn defaults_examples_and_choices_are_what_the_types_accept() {
        for object in objects() {
            for field in object.fields {
                if let Shape::Text(text) = field.shape {
                    for given in text.examples.iter().chain(text.choices).chain(&field.default) {
                        assert!((text.check)(given).is_ok(), "{}.{}: {given}", object.name, field.key);
                    }
                }
            }
            for key in object.exactly_one {
                assert!(object.field(key).is_some_and(|field| !field.required), "{}.{key}", object.name);
            }
        }
    }

    #[test]
    fn objects_have_names_of_their_own() {
        let mut names: Vec<_> = objects().iter().map(|object| object.name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
