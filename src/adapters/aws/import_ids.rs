//! The ids by which resources are imported, which aren't always those that states hold (SPEC.md section 6.1, from the import
//! examples of Pulumi's AWS provider): the way there and back.

use resource_graph::PropertyMap;

use crate::ports::{ImportedId, ProviderError, ProviderErrorKind};

/// How the import ids of a type are made.
enum Form {
    /// The one input that names the resource.
    Name(&'static str),
    /// Two inputs with a mark between them.
    Pair(&'static str, char, &'static str),
    /// The API and the id within it.
    OfApi,
    /// Function and statement; a qualifier stands behind the function's name.
    Statement,
    /// `s3://bucket/key`.
    Object,
    /// The state's own.
    Own,
}

fn form(token: &str) -> Form {
    match token {
        "aws:lambda/function:Function" | "aws:iam/role:Role" | "aws:cloudwatch/logGroup:LogGroup" => Form::Name("name"),
        "aws:s3/bucket:Bucket" => Form::Name("bucket"),
        "aws:lambda/alias:Alias" => Form::Pair("functionName", '/', "name"),
        "aws:iam/rolePolicy:RolePolicy" => Form::Pair("role", ':', "name"),
        "aws:apigatewayv2/stage:Stage" => Form::Pair("apiId", '/', "name"),
        "aws:apigatewayv2/route:Route"
        | "aws:apigatewayv2/integration:Integration"
        | "aws:apigatewayv2/authorizer:Authorizer" => Form::OfApi,
        "aws:lambda/permission:Permission" => Form::Statement,
        "aws:s3/bucketObjectv2:BucketObjectv2" => Form::Object,
        _ => Form::Own,
    }
}

/// The id by which a recorded resource is imported.
pub(super) fn import_id(token: &str, id: &str, inputs: &PropertyMap) -> String {
    let input =
        |name: &str| inputs.get(name).and_then(|value| value.exposed().as_str()).filter(|text| !text.is_empty());
    let made = match form(token) {
        Form::Own => None,
        Form::Name(name) => input(name).map(str::to_owned),
        Form::Pair(first, mark, second) => input(first)
            .zip(input(second))
            .map(|(first, second)| format!("{}{mark}{second}", of_function(token, first))),
        Form::OfApi => input("apiId").map(|api| format!("{api}/{id}")),
        Form::Statement => input("function").map(|function| {
            let qualifier = input("qualifier").map(|qualifier| format!(":{qualifier}")).unwrap_or_default();
            format!("{}{qualifier}/{id}", of_function(token, function))
        }),
        Form::Object => input("bucket").zip(input("key")).map(|(bucket, key)| format!("s3://{bucket}/{key}")),
    };
    made.unwrap_or_else(|| id.to_owned())
}

/// A function's name, where its ARN is given.
fn of_function<'a>(token: &str, text: &'a str) -> &'a str {
    if !token.starts_with("aws:lambda/") {
        return text;
    }
    text.strip_prefix("arn:").and_then(|arn| arn.split(':').nth(5)).unwrap_or(text)
}

/// How the resource of an import id is read.
///
/// # Errors
/// When the id hasn't the type's form.
pub(super) fn of_import_id(token: &str, id: &str) -> Result<ImportedId, ProviderError> {
    let wrong = |expected: String| {
        ProviderError::new(ProviderErrorKind::Refused, format!("'{id}' isn't the import id of a {token}"))
            .with_hint(format!("it has the form {expected}"))
    };
    if id.trim().is_empty() {
        return Err(wrong("of a text".into()));
    }
    let split = |mark: char, expected: String| {
        let parts = id.split_once(mark).filter(|(first, second)| !first.is_empty() && !second.is_empty());
        parts.ok_or_else(|| wrong(expected))
    };
    Ok(match form(token) {
        Form::Own => ImportedId::Read { id: id.to_owned(), inputs: PropertyMap::new() },
        Form::Name(name) => ImportedId::Find { inputs: [(name, id)].into() },
        Form::Pair(first, mark, second) => {
            let parts = split(mark, format!("<{first}>{mark}<{second}>"))?;
            ImportedId::Find { inputs: [(first, parts.0), (second, parts.1)].into() }
        }
        Form::OfApi => {
            let (api, id) = split('/', "<apiId>/<id>".into())?;
            ImportedId::Read { id: id.to_owned(), inputs: [("apiId", api)].into() }
        }
        Form::Statement => {
            let (function, statement) = split('/', "<function>/<statementId>".into())?;
            let mut inputs = PropertyMap::from([("statementId", statement)]);
            match function.split_once(':').filter(|_| !function.starts_with("arn:")) {
                Some((function, qualifier)) => {
                    inputs.insert("function", function);
                    inputs.insert("qualifier", qualifier);
                }
                None => drop(inputs.insert("function", function)),
            }
            ImportedId::Find { inputs }
        }
        Form::Object => {
            let path = id.strip_prefix("s3://").unwrap_or(id);
            let parts = path.split_once('/').filter(|(bucket, key)| !bucket.is_empty() && !key.is_empty());
            let (bucket, key) = parts.ok_or_else(|| wrong("s3://<bucket>/<key>".into()))?;
            ImportedId::Find { inputs: [("bucket", bucket), ("key", key)].into() }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_of_the_providers_import_examples_and_are_read_again() {
        type Case<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], &'a str);
        let cases: [Case<'_>; 9] = [
            ("aws:lambda/function:Function", "example", &[("name", "example")], "example"),
            (
                "aws:lambda/alias:Alias",
                "arn:aws:lambda:eu-west-1:123456789012:function:example-function:production",
                &[("functionName", "example-function"), ("name", "production")],
                "example-function/production",
            ),
            (
                "aws:lambda/permission:Permission",
                "AllowExecutionFromCloudWatch",
                &[("function", "my_test_lambda_function"), ("statementId", "AllowExecutionFromCloudWatch")],
                "my_test_lambda_function/AllowExecutionFromCloudWatch",
            ),
            (
                "aws:lambda/permission:Permission",
                "invoke",
                &[("function", "api"), ("qualifier", "live"), ("statementId", "invoke")],
                "api:live/invoke",
            ),
            (
                "aws:iam/rolePolicy:RolePolicy",
                "role_of_mypolicy_name:mypolicy_name",
                &[("role", "role_of_mypolicy_name"), ("name", "mypolicy_name")],
                "role_of_mypolicy_name:mypolicy_name",
            ),
            (
                "aws:apigatewayv2/stage:Stage",
                "$default",
                &[("apiId", "aabbccddee"), ("name", "$default")],
                "aabbccddee/$default",
            ),
            ("aws:apigatewayv2/route:Route", "1122334", &[("apiId", "aabbccddee")], "aabbccddee/1122334"),
            (
                "aws:s3/bucketObjectv2:BucketObjectv2",
                "some/key.txt",
                &[("bucket", "some-bucket-name"), ("key", "some/key.txt")],
                "s3://some-bucket-name/some/key.txt",
            ),
            ("aws:apigatewayv2/api:Api", "aabbccddee", &[("name", "api")], "aabbccddee"),
        ];
        for (token, id, inputs, expected) in cases {
            let inputs: PropertyMap = inputs.iter().copied().collect();
            assert_eq!(import_id(token, id, &inputs), expected, "{token}");
            match of_import_id(token, expected).unwrap() {
                ImportedId::Read { id: read, inputs: known } => {
                    assert_eq!(read, id, "{token}");
                    assert!(known.iter().all(|(name, value)| inputs.get(name) == Some(value)), "{token}");
                }
                ImportedId::Find { inputs: found } => assert_eq!(found, inputs, "{token}"),
            }
        }
    }

    #[test]
    fn a_function_may_be_recorded_by_its_arn() {
        let arn = "arn:aws:lambda:eu-west-1:123456789012:function:api";
        let inputs = PropertyMap::from([("function", arn)]);
        assert_eq!(import_id("aws:lambda/permission:Permission", "invoke", &inputs), "api/invoke");
    }

    #[test]
    fn other_forms_are_refused_with_the_right_one() {
        for (token, id, hint) in [
            ("aws:lambda/alias:Alias", "live", "<functionName>/<name>"),
            ("aws:apigatewayv2/route:Route", "aabbccddee/", "<apiId>/<id>"),
            ("aws:iam/rolePolicy:RolePolicy", ":x", "<role>:<name>"),
            ("aws:s3/bucketObjectv2:BucketObjectv2", "s3://bucket", "s3://<bucket>/<key>"),
            ("aws:iam/role:Role", " ", "text"),
        ] {
            let error = of_import_id(token, id).unwrap_err();
            assert!(error.hint.as_deref().unwrap_or_default().contains(hint), "{error:?}");
        }
    }
}
