//! Names and their lengths. Ours are made to fit; they are checked all the same, so that a slip
//! in making them is found here and not by AWS half-way through a deployment.

use crate::adapters::aws::naming::{self, NamedResource, Owner};
use crate::domain::names::ComponentName;
use crate::domain::violation::{FieldPath, Violation};

use super::{Circumstances, error};

impl NamedResource {
    fn what(self) -> &'static str {
        match self {
            Self::Function => "Lambda function",
            Self::Role => "IAM role",
            Self::RolePolicy => "IAM role policy",
            Self::Api => "API",
            Self::Authorizer => "authorizer",
            Self::PermissionStatement => "permission statement",
            Self::LogGroup => "log group",
        }
    }

    fn source(self) -> &'static str {
        match self {
            Self::Function => "https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html",
            Self::Role => "https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html",
            Self::RolePolicy => "https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html",
            Self::Api => "https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis.html",
            Self::Authorizer => {
                "https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-authorizers.html"
            }
            Self::PermissionStatement => "https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html",
            Self::LogGroup => {
                "https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html"
            }
        }
    }
}

/// Whether AWS would take `name` as the name of such a resource.
pub fn check_name(resource: NamedResource, name: &str) -> Option<Violation> {
    let what = resource.what();
    let refuse = |message: String| {
        Some(error(
            "aws/name",
            FieldPath::root(),
            message,
            format!("choose a shorter name of letters, digits and hyphens for the {what}"),
            resource.source(),
        ))
    };
    let length = name.chars().count();
    if length == 0 {
        return refuse(format!("the name of a {what} is empty"));
    }
    if length > resource.longest() {
        return refuse(format!(
            "{name:?} has {length} characters, and the name of a {what} has at most {}",
            resource.longest()
        ));
    }
    match name.chars().find(|c| !resource.allows(*c)) {
        Some(wrong) => refuse(format!("{wrong:?} can't stand in the name of a {what}, such as {name:?}")),
        None => None,
    }
}

/// The rules for the names that the code of a component brings along.
pub(in super::super) fn check_code(component: &ComponentName, circumstances: &Circumstances<'_>) -> Vec<Violation> {
    let owner = owner(component, circumstances);
    let function = naming::physical_name(NamedResource::Function, owner, None);
    let mut violations: Vec<Violation> = [NamedResource::Role, NamedResource::RolePolicy]
        .into_iter()
        .filter_map(|resource| check_name(resource, &naming::physical_name(resource, owner, None)))
        .collect();
    violations.extend(check_name(NamedResource::LogGroup, &naming::function_log_group(&function)));
    violations.extend(check_name(NamedResource::Function, &function));
    violations
}

/// The rules for the names that a gateway brings along.
pub(in super::super) fn check_gateway(component: &ComponentName, circumstances: &Circumstances<'_>) -> Vec<Violation> {
    let owner = owner(component, circumstances);
    let api = naming::physical_name(NamedResource::Api, owner, None);
    let authorizer = naming::physical_name(NamedResource::Authorizer, owner, None);
    let named = [
        (NamedResource::Authorizer, authorizer),
        (NamedResource::LogGroup, naming::access_log_group(&api)),
        (NamedResource::Api, api),
    ];
    named.into_iter().filter_map(|(resource, name)| check_name(resource, &name)).collect()
}

fn owner<'a>(component: &'a ComponentName, circumstances: &Circumstances<'a>) -> Owner<'a> {
    Owner { project: circumstances.project, environment: circumstances.environment, component }
}
