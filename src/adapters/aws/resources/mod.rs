//! The resource types, one module each, and the table that finds them by token.

mod alias;
mod api;
mod api_child;
mod authorizer;
mod bucket;
mod bucket_object;
mod function;
mod function_reference;
mod function_url;
mod integration;
mod log_group;
mod permission;
mod role;
mod role_policy;
mod route;
mod stage;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::connection::Connection;
use super::managed::{AwsResource, Managed};
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
    Entry::of::<alias::Alias>(),
    Entry::of::<api::Api>(),
    Entry::of::<authorizer::Authorizer>(),
    Entry::of::<bucket::Bucket>(),
    Entry::of::<bucket_object::BucketObject>(),
    Entry::of::<function::Function>(),
    Entry::of::<function_url::FunctionUrl>(),
    Entry::of::<integration::Integration>(),
    Entry::of::<log_group::LogGroup>(),
    Entry::of::<permission::Permission>(),
    Entry::of::<role::Role>(),
    Entry::of::<role_policy::RolePolicy>(),
    Entry::of::<route::Route>(),
    Entry::of::<stage::Stage>(),
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
        there_and_back::<function::Function>("example", &[("name", "example")], "example");
        there_and_back::<alias::Alias>(
            "arn:aws:lambda:eu-west-1:123456789012:function:example-function:production",
            &[("functionName", "example-function"), ("name", "production")],
            "example-function/production",
        );
        there_and_back::<permission::Permission>(
            "AllowExecutionFromCloudWatch",
            &[("function", "my_test_lambda_function"), ("statementId", "AllowExecutionFromCloudWatch")],
            "my_test_lambda_function/AllowExecutionFromCloudWatch",
        );
        there_and_back::<permission::Permission>(
            "invoke",
            &[("function", "api"), ("qualifier", "live"), ("statementId", "invoke")],
            "api:live/invoke",
        );
        there_and_back::<role_policy::RolePolicy>(
            "role_of_mypolicy_name:mypolicy_name",
            &[("role", "role_of_mypolicy_name"), ("name", "mypolicy_name")],
            "role_of_mypolicy_name:mypolicy_name",
        );
        there_and_back::<stage::Stage>(
            "$default",
            &[("apiId", "aabbccddee"), ("name", "$default")],
            "aabbccddee/$default",
        );
        there_and_back::<route::Route>("1122334", &[("apiId", "aabbccddee")], "aabbccddee/1122334");
        there_and_back::<bucket_object::BucketObject>(
            "some/key.txt",
            &[("bucket", "some-bucket-name"), ("key", "some/key.txt")],
            "s3://some-bucket-name/some/key.txt",
        );
        there_and_back::<api::Api>("aabbccddee", &[("name", "api")], "aabbccddee");
    }

    #[test]
    fn a_function_may_be_recorded_by_its_arn() {
        let arn = "arn:aws:lambda:eu-west-1:123456789012:function:api";
        assert_eq!(import_id::<permission::Permission>("invoke", &[("function", arn)]), "api/invoke");
    }

    #[test]
    fn other_forms_are_refused_with_the_right_one() {
        fn refused<R: AwsResource>(id: &str, form: &str) {
            let error = R::IMPORT.read(R::INFO.token, id).unwrap_err();
            assert!(error.hint.as_deref().unwrap_or_default().contains(form), "{error:?}");
        }
        refused::<alias::Alias>("live", "<functionName>/<name>");
        refused::<route::Route>("aabbccddee/", "<apiId>/<id>");
        refused::<role_policy::RolePolicy>(":x", "<role>:<name>");
        refused::<bucket_object::BucketObject>("s3://bucket", "s3://<bucket>/<key>");
        refused::<role::Role>(" ", "text");
    }

    #[test]
    fn no_two_types_have_one_token() {
        let tokens: std::collections::BTreeSet<_> = TYPES.iter().map(|entry| entry.token).collect();
        assert_eq!(tokens.len(), TYPES.len());
    }
}
