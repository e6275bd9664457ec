//! The rules of AWS for what a component wants, checked before any call is made, because AWS
//! refuses late and the emulators accept what AWS refuses. Each rule names the page that has it.
//! What is true on every cloud stands in the domain's types.

mod alias;
pub(super) mod environment;
pub(super) mod function;
pub(super) mod function_url;
pub(super) mod gateway;
pub(super) mod logs;
pub(super) mod names;
mod runtimes;

use chrono::NaiveDate;

use super::settings::WrittenSettings;
use crate::domain::names::{EnvironmentName, ProjectName};
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

/// What AWS has to say about where an environment lies; fields are those of the environment.
pub(super) fn check_settings(settings: &WrittenSettings) -> Vec<Violation> {
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
mod tests {
    use super::*;

    #[test]
    fn regions_look_like_regions() {
        for good in ["us-east-1", "us-gov-west-1", "ap-southeast-7", "us-isob-east-1", "eusc-de-east-1", "mx-central-1"]
        {
            assert!(check_region(&good.parse().unwrap()).is_none(), "{good}");
        }
        for bad in ["westeurope", "us-east", "us-east-1a", "u-east-1", "us-1", "us-east-100", "us-e4st-1"] {
            assert!(check_region(&bad.parse().unwrap()).is_some(), "{bad}");
        }
    }
}
