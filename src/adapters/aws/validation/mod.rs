//! The rules of AWS for what a component wants, checked before any call is made, because AWS
//! refuses late and the emulators accept what AWS refuses. Each rule names the page that has it.
//! What is true on every cloud stands in the domain's types.

mod alias;
mod environment;
mod function;
mod gateway;
mod logs;
mod names;
mod runtimes;

use chrono::NaiveDate;

use crate::adapters::configuration::AwsSettings;
use crate::domain::component::Component;
use crate::domain::names::{ComponentName, EnvironmentName, ProjectName};
use crate::domain::provider::Region;
use crate::domain::violation::{FieldPath, Severity, Violation};

pub(super) use gateway::{ACCOUNT_BURST, ACCOUNT_RATE};

pub use alias::check_alias_routing;
pub use names::check_name;
pub use runtimes::identifier as runtime_identifier;

/// What the rules need to know beyond the component itself.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances<'a> {
    /// The project.
    pub project: &'a ProjectName,
    /// The environment that is deployed to.
    pub environment: &'a EnvironmentName,
    /// Whether the cloud is a local one, whose token issuers may run on this machine.
    pub local_cloud: bool,
    /// The environment variables that are set besides the user's own: they count towards
    /// Lambda's limit.
    pub added_variables: &'a [(String, String)],
    /// The day, for the runtimes' end dates.
    pub today: NaiveDate,
}

/// Every rule that `component` breaks, errors and warnings.
pub fn check(component: &Component, circumstances: &Circumstances<'_>) -> Vec<Violation> {
    let mut violations = Vec::new();
    violations.extend(names::check(component, circumstances));
    violations.extend(function::check(component.function(), circumstances));
    violations.extend(environment::check(component, circumstances));
    violations.extend(gateway::check(component, circumstances));
    violations.extend(logs::check(component.log_retention()));
    violations
}

/// Every rule that one of `components` breaks, with the component's name.
pub fn check_all(components: &[Component], circumstances: &Circumstances<'_>) -> Vec<(ComponentName, Violation)> {
    components
        .iter()
        .flat_map(|component| {
            let name = component.name().clone();
            check(component, circumstances).into_iter().map(move |violation| (name.clone(), violation))
        })
        .collect()
}

/// What AWS has to say about where an environment lies; fields are those of the environment.
pub fn check_settings(settings: &AwsSettings) -> Vec<Violation> {
    settings.region.as_ref().and_then(check_region).into_iter().collect()
}

/// The shape of a region's name (<https://docs.aws.amazon.com/general/latest/gr/rande.html>):
/// an area and one or two more words, then a number, such as `us-gov-west-1`. Regions are added too
/// often for a list.
fn check_region(region: &Region) -> Option<Violation> {
    let parts: Vec<&str> = region.as_str().split('-').collect();
    let letters = |part: &&str| part.chars().all(|c| c.is_ascii_lowercase());
    let shaped = match parts.as_slice() {
        [area, directions @ .., number] => {
            (2..=4).contains(&area.len())
                && letters(area)
                && (1..=2).contains(&directions.len())
                && directions.iter().all(letters)
                && number.len() <= 2
                && number.chars().all(|c| c.is_ascii_digit())
        }
        _ => false,
    };
    (!shaped).then(|| Violation {
        code: "aws/region",
        severity: Severity::Error,
        field: FieldPath::of(["aws", "region"]),
        message: format!("{region} is not the name of an AWS region"),
        hint: Some("write it as AWS does, such as us-east-1 or eu-west-1".to_owned()),
        source_url: "https://docs.aws.amazon.com/general/latest/gr/rande.html",
    })
}

/// A violation that stops a deployment.
fn error(
    code: &'static str,
    field: FieldPath,
    message: impl Into<String>,
    hint: impl Into<String>,
    source_url: &'static str,
) -> Violation {
    Violation { code, severity: Severity::Error, field, message: message.into(), hint: Some(hint.into()), source_url }
}

/// A violation that is only told.
fn warning(
    code: &'static str,
    field: FieldPath,
    message: impl Into<String>,
    hint: impl Into<String>,
    source_url: &'static str,
) -> Violation {
    Violation { severity: Severity::Warning, ..error(code, field, message, hint, source_url) }
}

#[cfg(test)]
mod tests;
