//! The physical names of AWS resources, made from project, environment, component and role alone,
//! so that a second try finds what the first one made. A name gets a short hash when it had to be
//! cut or changed, or when another project, environment and component could read the same.

use sha2::{Digest, Sha256};

use crate::domain::names::{ComponentName, EnvironmentName, ProjectName};
use crate::ports::Entry;

/// How many hexadecimal digits of the hash a name gets.
const HASH_DIGITS: usize = 8;

/// What Lambda's Node.js runtime is told to call: the module without its ending, a dot, and the export
/// (<https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html>).
pub fn handler(entry: &Entry) -> String {
    match entry {
        Entry::Launcher { module, export } => format!("{module}.{export}"),
        Entry::Handler(handler) => handler.clone(),
    }
}

/// What a resource belongs to.
#[derive(Debug, Clone, Copy)]
pub struct Owner<'a> {
    /// The project.
    pub project: &'a ProjectName,
    /// The environment.
    pub environment: &'a EnvironmentName,
    /// The component.
    pub component: &'a ComponentName,
}

/// A kind of resource that has a name of ours, with the service's rules for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NamedResource {
    /// A Lambda function: 1–64 of `[a-zA-Z0-9-_]`
    /// (<https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html>).
    Function,
    /// An IAM role: 1–64 of `[\w+=,.@-]`, unique without regard to case
    /// (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html>).
    Role,
    /// A policy embedded in an IAM role: 1–128 of `[\w+=,.@-]`
    /// (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html>).
    RolePolicy,
    /// An API of API Gateway v2: 1–128 characters
    /// (<https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis.html>).
    Api,
    /// An authorizer of API Gateway v2: 1–128 characters
    /// (<https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-authorizers.html>).
    Authorizer,
    /// A statement of a Lambda function's policy: 1–100 of `[a-zA-Z0-9-_]`
    /// (<https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html>).
    PermissionStatement,
    /// A log group: 1–512 of `[\.\-_/#A-Za-z0-9]`
    /// (<https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html>).
    LogGroup,
}

impl NamedResource {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Function,
        Self::Role,
        Self::RolePolicy,
        Self::Api,
        Self::Authorizer,
        Self::PermissionStatement,
        Self::LogGroup,
    ];

    /// The longest name, in characters.
    pub fn longest(self) -> usize {
        match self {
            Self::Function | Self::Role => 64,
            Self::PermissionStatement => 100,
            Self::RolePolicy | Self::Api | Self::Authorizer => 128,
            Self::LogGroup => 512,
        }
    }

    /// Whether the character may stand in a name.
    pub fn allows(self, character: char) -> bool {
        let further = match self {
            Self::Function | Self::PermissionStatement => "-_",
            Self::Role | Self::RolePolicy => "-_+=,.@",
            Self::Api | Self::Authorizer => "-_.",
            Self::LogGroup => "-_./#",
        };
        character.is_ascii_alphanumeric() || further.contains(character)
    }
}

/// The name of a resource of `owner`: `<project>-<environment>-<component>`, and `_<part>` where
/// the owner has several resources of the kind.
pub fn physical_name(resource: NamedResource, owner: Owner<'_>, part: Option<&str>) -> String {
    let written = {
        let Owner { project, environment, component } = owner;
        match part {
            // No component has '_' in its name, so that no other component can read the same.
            Some(part) => format!("{project}-{environment}-{component}_{part}"),
            None => format!("{project}-{environment}-{component}"),
        }
    };
    let fitting: String = written.chars().map(|c| if resource.allows(c) { c } else { '-' }).collect();
    let is_exact = fitting == written && fitting.len() <= resource.longest();
    if is_exact && reads_one_way(owner) {
        return fitting;
    }
    // Every character is ASCII here, because only such ones are allowed.
    let room = resource.longest() - HASH_DIGITS - 1;
    let kept = fitting[..fitting.len().min(room)].trim_end_matches(['-', '_', '.']);
    format!("{kept}-{}", hash(owner, part))
}

/// The log group that Lambda writes a function's output to
/// (<https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html>).
pub fn function_log_group(function_name: &str) -> String {
    format!("/aws/lambda/{function_name}")
}

/// The log group of an API's access logs. Names under `/aws/vendedlogs/` keep the account's one
/// resource policy for log delivery from growing with each API
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-infrastructure-CWL.html>).
pub fn access_log_group(api_name: &str) -> String {
    format!("/aws/vendedlogs/apis/{api_name}/access")
}

/// Whether no other owner's parts, joined by hyphens, read the same: with neither project nor
/// environment having a hyphen, the first two hyphens are the joints. Capital letters are left to
/// the hash too, because IAM takes `App` and `app` for the same name.
fn reads_one_way(owner: Owner<'_>) -> bool {
    let project = owner.project.as_str();
    !project.contains('-')
        && !project.contains(|c: char| c.is_ascii_uppercase())
        && !owner.environment.as_str().contains('-')
}

fn hash(owner: Owner<'_>, part: Option<&str>) -> String {
    let mut digest = Sha256::new();
    for text in [owner.project.as_str(), owner.environment.as_str(), owner.component.as_str(), part.unwrap_or_default()]
    {
        digest.update(text.as_bytes());
        // No name has a NUL in it, so that the parts can't run into each other.
        digest.update([0]);
    }
    let mut digits = hex::encode(digest.finalize());
    digits.truncate(HASH_DIGITS);
    digits
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn name(resource: NamedResource, owner: (&str, &str, &str), part: Option<&str>) -> String {
        let (project, environment, component) =
            (owner.0.parse().unwrap(), owner.1.parse().unwrap(), owner.2.parse().unwrap());
        let owner = Owner { project: &project, environment: &environment, component: &component };
        physical_name(resource, owner, part)
    }

    #[test]
    fn ordinary_names_are_the_parts_joined() {
        let owner = ("semantest", "local", "rest-api");
        assert_eq!(name(NamedResource::Function, owner, None), "semantest-local-rest-api");
        assert_eq!(name(NamedResource::Role, owner, Some("connect")), "semantest-local-rest-api_connect");
        assert_eq!(function_log_group("semantest-local-rest-api"), "/aws/lambda/semantest-local-rest-api");
    }

    #[test]
    fn names_that_could_be_read_otherwise_get_a_hash() {
        let function = |owner| name(NamedResource::Function, owner, None);
        let pairs = [
            (("shop", "production-eu", "api"), ("shop", "production", "eu-api")),
            (("my-app", "local", "api"), ("my", "app-local", "api")),
            (("App", "local", "api"), ("app", "local", "api")),
            (("my.app", "local", "api"), ("my_app", "local", "api")),
        ];
        for (a, b) in pairs {
            assert!(!function(a).eq_ignore_ascii_case(&function(b)), "{a:?} {b:?}");
        }
        assert_eq!(function(("my.app", "local", "api")), "my-app-local-api-89e6cd84");
        let part = name(NamedResource::Function, ("shop", "local", "chat"), Some("connect"));
        assert_ne!(part, function(("shop", "local", "chat-connect")));
    }

    #[test]
    fn long_names_are_cut_and_stay_apart() {
        let long = "p".repeat(100);
        let first = name(NamedResource::Function, (&long, "local", "api"), None);
        let second = name(NamedResource::Function, (&long, "local", "web"), None);
        assert_eq!((first.len(), second.len()), (64, 64));
        assert_ne!(first, second);
    }

    const LABEL: &str = "[a-z][a-z0-9]{0,12}(-[a-z0-9]{1,12}){0,2}";

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn names_are_within_the_services_rules(
            project in "[A-Za-z0-9_.-]{1,100}",
            environment in LABEL,
            component in LABEL,
            part in proptest::option::of("[a-z]{1,20}"),
        ) {
            for resource in NamedResource::ALL {
                let given = name(resource, (&project, &environment, &component), part.as_deref());
                prop_assert!(!given.is_empty() && given.len() <= resource.longest(), "{given}");
                prop_assert!(given.chars().all(|c| resource.allows(c)), "{given}");
                let again = name(resource, (&project, &environment, &component), part.as_deref());
                prop_assert_eq!(given, again);
            }
        }

        #[test]
        fn different_owners_have_different_names(
            owners in proptest::collection::hash_set(
                ("[aAb][ab.-]{0,2}", "[ab](-[ab])?", "[ab](-[ab]){0,2}", proptest::option::of("[ab]")),
                2..40,
            ),
        ) {
            for resource in NamedResource::ALL {
                let mut seen = HashMap::new();
                for (project, environment, component, part) in &owners {
                    let given = name(resource, (project, environment, component), part.as_deref());
                    let owner = (project, environment, component, part);
                    if let Some(other) = seen.insert(given.to_ascii_lowercase(), owner) {
                        prop_assert!(false, "{owner:?} and {other:?} are both called {given}");
                    }
                }
            }
        }
    }
}
