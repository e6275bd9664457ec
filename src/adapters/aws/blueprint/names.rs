//! The physical names of a component's resources: those of [`naming`](super::super::naming), and the bucket for packages.

use sha2::{Digest, Sha256};

use super::super::naming::{NamedResource, Owner, access_log_group, function_log_group, physical_name};
use crate::domain::names::{ComponentName, EnvironmentName, ProjectName};
use crate::ports::{BlueprintRequest, ProviderError, ProviderErrorKind};

/// The longest name of a bucket
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>).
const LONGEST_BUCKET: usize = 63;

/// The names of one component's resources.
pub(super) struct Names {
    pub(super) function: String,
    pub(super) role: String,
    pub(super) role_policy: String,
    pub(super) api: String,
    pub(super) statement: String,
    pub(super) url_statement: String,
    pub(super) function_logs: String,
    pub(super) access_logs: String,
}

impl Names {
    /// The names in the project and environment of a request.
    ///
    /// # Errors
    /// When project or environment aren't names.
    pub(super) fn of(request: &BlueprintRequest, component: &ComponentName) -> Result<Self, ProviderError> {
        let wrong = |error: crate::domain::invalid::InvalidValue| {
            ProviderError::new(ProviderErrorKind::Refused, error.to_string())
        };
        let project: ProjectName = request.project.parse().map_err(wrong)?;
        let environment: EnvironmentName = request.environment.parse().map_err(wrong)?;
        let owner = Owner { project: &project, environment: &environment, component };
        let name = |resource| physical_name(resource, owner, None);
        let (function, api) = (name(NamedResource::Function), name(NamedResource::Api));
        Ok(Self {
            role: name(NamedResource::Role),
            role_policy: name(NamedResource::RolePolicy),
            statement: name(NamedResource::PermissionStatement),
            url_statement: physical_name(NamedResource::PermissionStatement, owner, Some("url")),
            function_logs: function_log_group(&function),
            access_logs: access_log_group(&api),
            function,
            api,
        })
    }

    /// Takes over the name of a function that exists: it is Lambda that names the log group after it.
    pub(super) fn follow_function(&mut self, function: &str) {
        self.function_logs = function_log_group(function);
        self.function = function.to_owned();
    }
}

/// The bucket for a function's packages. All of AWS's customers share one name space for buckets, so account and region are
/// part of its name; a name that gets too long, or has something in it that a bucket's mustn't, ends in a hash of it.
pub(in super::super) fn bucket(function: &str, account: &str, region: &str) -> String {
    let name = format!("{function}-{account}-{region}");
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.len() <= LONGEST_BUCKET && name.chars().all(allowed) {
        return name;
    }
    let plain: String = name.to_ascii_lowercase().chars().map(|c| if allowed(c) { c } else { '-' }).collect();
    let hash = &hex::encode(Sha256::digest(&name))[..8];
    let kept = plain.get(..plain.len().min(LONGEST_BUCKET - hash.len() - 1)).unwrap_or_default();
    format!("{}-{hash}", kept.trim_end_matches('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_named_by_what_makes_it_the_only_one() {
        assert_eq!(bucket("shop-test-api", "123456789012", "eu-west-1"), "shop-test-api-123456789012-eu-west-1");
    }

    #[test]
    fn long_and_strange_names_of_buckets_stay_legal_and_different() {
        let (long, region) = ("a".repeat(63), "eu-west-1");
        let names = [&long, "My_API", "my-api", "my_api"].map(|name| bucket(name, "123456789012", region));
        for (index, name) in names.iter().enumerate() {
            assert!(name.len() <= LONGEST_BUCKET, "{name}");
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'), "{name}");
            assert!(!names[..index].contains(name), "{names:?}");
        }
    }
}
