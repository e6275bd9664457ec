//! Lambda's rules for a function's environment variables.

use crate::domain::code::function::{ServerlessFunction, Start};
use crate::domain::violation::{FieldPath, Violation};

use super::{Circumstances, error, warning};

/// Names, reserved names and the size.
const SOURCE: &str = "https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html";

/// Bytes of all names and values together ("Environment variables": 4 KB).
const LARGEST: usize = 4 * 1024;

/// Names that Lambda sets itself and refuses from others ("Reserved environment variables").
const RESERVED: [&str; 21] = [
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_MAX_CONCURRENCY",
    "AWS_LAMBDA_METADATA_API",
    "AWS_LAMBDA_METADATA_TOKEN",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_LAMBDA_RUNTIME_API",
    "LAMBDA_TASK_ROOT",
    "LAMBDA_RUNTIME_DIR",
];

/// The rules for the variables of a function. `own`: those that are the component's kind's to set, with their values where it
/// sets them.
pub(in super::super) fn check(
    function: &ServerlessFunction,
    own: &[(&str, Option<String>)],
    circumstances: &Circumstances<'_>,
) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (name, _) in &function.environment {
        let name = name.as_str();
        let field = FieldPath::of(["environment", name]);
        if RESERVED.contains(&name) {
            violations.push(error(
                "aws/reserved-variable",
                field,
                format!("Lambda sets {name} itself and lets nobody else do so"),
                match name {
                    "AWS_REGION" | "AWS_DEFAULT_REGION" => {
                        "remove it: the function finds the region that it runs in there"
                    }
                    "AWS_ACCESS_KEY" | "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" | "AWS_SESSION_TOKEN" => {
                        "remove it: the function finds its role's credentials there"
                    }
                    _ => "choose another name",
                },
                SOURCE,
            ));
        } else if !name.starts_with(|c: char| c.is_ascii_alphabetic()) || name.len() < 2 {
            violations.push(error(
                "aws/variable-name",
                field,
                format!("{name} is not a name that Lambda takes"),
                "start it with a letter, and give it at least two characters",
                SOURCE,
            ));
        } else if name == "PORT" && matches!(function.start, Start::Server(_)) {
            violations.push(warning(
                "aws/port-variable",
                field,
                "the server is told a free port in PORT when it is started; this value is not used",
                "remove it, and let the server listen on process.env.PORT",
                SOURCE,
            ));
        } else if own.iter().any(|(added, _)| *added == name)
            || circumstances.added_variables.iter().any(|(added, _)| added == name)
        {
            violations.push(error(
                "aws/reserved-variable",
                field,
                format!("{name} is set by the deployment itself"),
                "choose another name",
                SOURCE,
            ));
        }
    }
    let given = function.environment.iter().map(|(name, value)| (name.as_str(), value.expose()));
    let added = circumstances.added_variables.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let own = own.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?)));
    let bytes = serialized_size(given.chain(added).chain(own));
    if bytes > LARGEST {
        violations.push(error(
            "aws/environment-size",
            FieldPath::of(["environment"]),
            format!("the environment variables take {bytes} bytes, and Lambda has room for {LARGEST}"),
            "put large values into a file of the package",
            SOURCE,
        ));
    }
    violations
}

/// The bytes that Lambda counts: those of the variables as a JSON object.
fn serialized_size<'a>(variables: impl Iterator<Item = (&'a str, &'a str)>) -> usize {
    let object: serde_json::Map<String, serde_json::Value> =
        variables.map(|(name, value)| (name.to_owned(), value.into())).collect();
    if object.is_empty() { 0 } else { serde_json::Value::Object(object).to_string().len() }
}
