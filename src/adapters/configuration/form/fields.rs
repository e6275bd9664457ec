//! The configuration's shape: every key of `semantest-iac.yaml`, what it means, what may stand
//! there and what holds where it is left out. The reference and the checks are made from here.

use crate::domain::invalid::InvalidValue;
use crate::domain::names::{ComponentName, EnvironmentName, ProjectName};

use crate::adapters::configuration::kinds::COMPONENT;
use crate::adapters::configuration::settings::{self, LeaseSpan, StateEncryption, StateLocation};
use crate::adapters::configuration::shape::{Field, MapShape, ObjectShape, Shape, TextShape, reads};

/// The whole file, without the keys of the clouds.
pub static ROOT: ObjectShape = ObjectShape {
    name: "configuration",
    description: "A project of Semantest: its components, and the environments that they are deployed to.",
    fields: &[
        Field::required(
            "project",
            Shape::Text(&PROJECT_NAME),
            "The project's name, which is also Pulumi's project name.",
        ),
        Field::optional("state", Shape::Object(&STATE), "Where the state of deployments is kept."),
        Field::required(
            "components",
            Shape::Map(&MapShape { keys: &COMPONENT_NAME, values: Shape::Choice(&COMPONENT) }),
            "What the project is made of, by name.",
        ),
        Field::optional(
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
        Field::defaulted(
            "url",
            Shape::Text(&STATE_URL),
            "file://./.semantest",
            "A folder (file://, a relative one seen from this file's folder), a bucket of S3 (s3://) or a container of Azure's blob storage (azblob://), with Pulumi's parameters. Without it PULUMI_BACKEND_URL counts, where that is set.",
        ),
        Field::defaulted(
            "encryption",
            Shape::Text(&ENCRYPTION),
            "secrets",
            "What of a stack is encrypted: secrets is each secret value, in Pulumi's way, so that Pulumi reads the state in place; full is every file as a whole. It is for new stacks; the commands stack encrypt and stack decrypt change one that is there.",
        ),
        Field::defaulted(
            "lease",
            Shape::Text(&LEASE),
            "30s",
            "How long a lock outlives its holder: what has died on another machine is taken over after this time.",
        ),
        Field::defaulted(
            "secrets-provider",
            Shape::Text(&SECRETS_PROVIDER),
            "passphrase",
            "Who encrypts the secrets of a stack that has no secrets manager yet: a passphrase, or a key of AWS KMS or Azure Key Vault by Pulumi's URL. A stack that has one keeps it; `stack change-secrets-provider` changes it.",
        ),
    ],
    exactly_one: &[],
    reserved: &[],
};

/// An item of `environments`, without the keys of the clouds ([`Clouds::root`](crate::adapters::configuration::Clouds::root) adds them).
pub static ENVIRONMENT: ObjectShape = ObjectShape {
    name: "environment",
    description: "Where components are deployed to, and what is different there.",
    fields: &[
        Field::optional(
            "components",
            Shape::Map(&MapShape { keys: &COMPONENT_NAME, values: Shape::PartialChoice(&COMPONENT) }),
            "What is different about components here. Mappings are merged, anything else replaces what it was, and ~ removes it.",
        ),
        Field::optional(
            "adopt",
            Shape::Map(&MapShape { keys: &RESOURCE, values: Shape::Text(&FOREIGN_RESOURCE) }),
            "Which resources are taken over from another program, such as Pulumi's, that recorded them in the same stack: ours, as `semantest-iac graph` names it, and theirs, by URN, name or id. What has the physical name that it would get here is found without that.",
        ),
    ],
    exactly_one: &[],
    reserved: &[("azure", "this version deploys to AWS only; the key is kept for Azure")],
};

static PROJECT_NAME: TextShape =
    TextShape::new("a project name", Some("^[A-Za-z0-9_.-]{1,100}$"), &["semantest"], reads::<ProjectName>);
static COMPONENT_NAME: TextShape =
    TextShape::new("a component name", Some("^[a-z][a-z0-9]*(-[a-z0-9]+)*$"), &["rest-api"], reads::<ComponentName>);
static ENVIRONMENT_NAME: TextShape = TextShape::new(
    "an environment name",
    Some("^[a-z][a-z0-9]*(-[a-z0-9]+)*$"),
    &["local", "production"],
    reads::<EnvironmentName>,
);
static STATE_URL: TextShape = TextShape::new(
    "a state URL",
    Some("^(file|s3|azblob)://.+$"),
    &["file://./.semantest", "s3://my-state/shop?region=eu-west-1", "azblob://state?storage_account=myaccount"],
    StateLocation::check,
);
static SECRETS_PROVIDER: TextShape = TextShape::new(
    "a secrets provider",
    Some("^(passphrase|default|(awskms|azurekeyvault)://.+)$"),
    &[
        "passphrase",
        "awskms://alias/semantest-state?region=eu-west-1",
        "azurekeyvault://my-vault.vault.azure.net/keys/state",
    ],
    |text| {
        text.parse::<state::NewSecrets>().map(drop).map_err(|error| {
            InvalidValue::new("secrets provider", text, "no such provider can be used")
                .with_hint(error.hint().unwrap_or_default())
        })
    },
);
static LEASE: TextShape =
    TextShape::new("a length of time from 5s to 10m", Some(TIME_PATTERN), &["30s", "2m"], reads::<LeaseSpan>);
static RESOURCE: TextShape =
    TextShape::new("a resource's name", Some("\\S"), &["rest-api-role"], settings::check_resource);
static FOREIGN_RESOURCE: TextShape = TextShape::new(
    "a resource's name",
    Some("\\S"),
    &["urn:pulumi:prod::shop::aws:iam/role:Role::api-role", "api-role-1a2b3c4"],
    settings::check_resource,
);

pub(in crate::adapters::configuration) const TIME_PATTERN: &str = "^ *([0-9]+(\\.[0-9]{1,3})? *(d|h|ms|m|s) *)+$";

static ENCRYPTION: TextShape = TextShape {
    what: "an encryption of state",
    pattern: None,
    choices: &["secrets", "full"],
    examples: &["full"],
    check: reads::<StateEncryption>,
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
                Shape::Choice(choice) | Shape::PartialChoice(choice) => {
                    (choice.forms)().into_iter().for_each(|(_, form)| visit(&Shape::Object(form), found));
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
