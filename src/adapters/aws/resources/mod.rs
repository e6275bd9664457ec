//! The resource types, one module each, in a room for each service, and the table that finds them by token.

mod apigatewayv2;
mod cloudwatch;
mod iam;
mod lambda;
mod s3;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::connection::connection::Connection;
use super::frame::managed::{AwsResource, Managed};
use crate::ports::ResourceProvider;

/// What must be known of a type before there is a connection, and how to come to its provider.
struct Entry {
    token: &'static str,
    name_input: Option<&'static str>,
    provider: fn(&Arc<Connection>) -> Arc<dyn ResourceProvider>,
}

impl Entry {
    const fn of<R: AwsResource>() -> Self {
        Self { token: R::INFO.token, name_input: R::ADOPTION.name_input, provider: Managed::<R>::provider }
    }
}

/// All resource types.
const TYPES: &[Entry] = &[
    Entry::of::<lambda::alias::Alias>(),
    Entry::of::<apigatewayv2::api::Api>(),
    Entry::of::<apigatewayv2::authorizer::Authorizer>(),
    Entry::of::<s3::bucket::Bucket>(),
    Entry::of::<s3::bucket_object::BucketObject>(),
    Entry::of::<lambda::function::Function>(),
    Entry::of::<lambda::function_url::FunctionUrl>(),
    Entry::of::<apigatewayv2::integration::Integration>(),
    Entry::of::<cloudwatch::log_group::LogGroup>(),
    Entry::of::<lambda::permission::Permission>(),
    Entry::of::<iam::role::Role>(),
    Entry::of::<iam::role_policy::RolePolicy>(),
    Entry::of::<apigatewayv2::route::Route>(),
    Entry::of::<apigatewayv2::stage::Stage>(),
];

/// The providers of all resource types by token.
pub(super) fn all(connection: &Arc<Connection>) -> BTreeMap<&'static str, Arc<dyn ResourceProvider>> {
    TYPES.iter().map(|entry| (entry.token, (entry.provider)(connection))).collect()
}

/// The input that holds the physical name of a type's resources, where that is free to choose.
pub(super) fn name_input(token: &str) -> Option<&'static str> {
    TYPES.iter().find(|entry| entry.token == token)?.name_input
}

#[cfg(test)]
mod tests {
    use resource_graph::PropertyMap;

    use super::*;
    use crate::ports::ImportedId;

    fn import_id<R: AwsResource>(id: &str, inputs: &[(&'static str, &str)]) -> String {
        R::IMPORT.write(id, &inputs.iter().copied().collect())
    }

    /// Id, inputs, and the import id that they make.
    fn there_and_back<R: AwsResource>(id: &str, inputs: &[(&'static str, &str)], expected: &str) {
        let token = R::INFO.token;
        assert_eq!(import_id::<R>(id, inputs), expected, "{token}");
        let inputs: PropertyMap = inputs.iter().copied().collect();
        match R::IMPORT.read(token, expected).unwrap() {
            ImportedId::Read { id: read, inputs: known } => {
                assert_eq!(read, id, "{token}");
                assert!(known.iter().all(|(name, value)| inputs.get(name) == Some(value)), "{token}");
            }
            ImportedId::Find { inputs: found } => assert_eq!(found, inputs, "{token}"),
        }
    }

    #[test]
    fn ids_are_those_of_the_providers_import_examples_and_are_read_again() {
        there_and_back::<lambda::function::Function>("example", &[("name", "example")], "example");
        there_and_back::<lambda::alias::Alias>(
            "arn:aws:lambda:eu-west-1:123456789012:function:example-function:production",
            &[("functionName", "example-function"), ("name", "production")],
            "example-function/production",
        );
        there_and_back::<lambda::permission::Permission>(
            "AllowExecutionFromCloudWatch",
            &[("function", "my_test_lambda_function"), ("statementId", "AllowExecutionFromCloudWatch")],
            "my_test_lambda_function/AllowExecutionFromCloudWatch",
        );
        there_and_back::<lambda::permission::Permission>(
            "invoke",
            &[("function", "api"), ("qualifier", "live"), ("statementId", "invoke")],
            "api:live/invoke",
        );
        there_and_back::<iam::role_policy::RolePolicy>(
            "role_of_mypolicy_name:mypolicy_name",
            &[("role", "role_of_mypolicy_name"), ("name", "mypolicy_name")],
            "role_of_mypolicy_name:mypolicy_name",
        );
        there_and_back::<apigatewayv2::stage::Stage>(
            "$default",
            &[("apiId", "aabbccddee"), ("name", "$default")],
            "aabbccddee/$default",
        );
        there_and_back::<apigatewayv2::route::Route>("1122334", &[("apiId", "aabbccddee")], "aabbccddee/1122334");
        there_and_back::<s3::bucket_object::BucketObject>(
            "some/key.txt",
            &[("bucket", "some-bucket-name"), ("key", "some/key.txt")],
            "s3://some-bucket-name/some/key.txt",
        );
        there_and_back::<apigatewayv2::api::Api>("aabbccddee", &[("name", "api")], "aabbccddee");
    }

    #[test]
    fn a_function_may_be_recorded_by_its_arn() {
        let arn = "arn:aws:lambda:eu-west-1:123456789012:function:api";
        assert_eq!(import_id::<lambda::permission::Permission>("invoke", &[("function", arn)]), "api/invoke");
    }

    #[test]
    fn other_forms_are_refused_with_the_right_one() {
        fn refused<R: AwsResource>(id: &str, form: &str) {
            let error = R::IMPORT.read(R::INFO.token, id).unwrap_err();
            assert!(error.hint.as_deref().unwrap_or_default().contains(form), "{error:?}");
        }
        refused::<lambda::alias::Alias>("live", "<functionName>/<name>");
        refused::<apigatewayv2::route::Route>("aabbccddee/", "<apiId>/<id>");
        refused::<iam::role_policy::RolePolicy>(":x", "<role>:<name>");
        refused::<s3::bucket_object::BucketObject>("s3://bucket", "s3://<bucket>/<key>");
        refused::<iam::role::Role>(" ", "text");
    }

    #[test]
    fn no_two_types_have_one_token() {
        let tokens: std::collections::BTreeSet<_> = TYPES.iter().map(|entry| entry.token).collect();
        assert_eq!(tokens.len(), TYPES.len());
    }
}
