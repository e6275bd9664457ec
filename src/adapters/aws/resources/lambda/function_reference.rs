//! Functions as other resources name them: by name or by ARN.

use resource_graph::Value;

use crate::adapters::aws::connection::connection::Connection;
use crate::ports::ProviderError;

/// The ARN by which API Gateway invokes a function, version or alias
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-integration.html>).
pub(in crate::adapters::aws) async fn invoke_arn(connection: &Connection, arn: &str) -> Result<String, ProviderError> {
    let partition = &connection.account().await?.partition;
    Ok(format!("arn:{partition}:apigateway:{}:lambda:path/2015-03-31/functions/{arn}/invocations", connection.region))
}

/// A function's name, from its name or ARN.
pub(in crate::adapters::aws) fn name_of(reference: &str) -> &str {
    if reference.starts_with("arn:") { reference.split(':').nth(6).unwrap_or(reference) } else { reference }
}

/// Whether two inputs name the same function.
pub(in crate::adapters::aws) fn same_function(old: &Value, new: &Value) -> bool {
    match (old.as_str(), new.as_str()) {
        (Some(old), Some(new)) => name_of(old) == name_of(new),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_the_same_by_name_and_by_arn() {
        let arn = Value::from("arn:aws:lambda:eu-west-1:123456789012:function:api");
        assert!(same_function(&arn, &Value::from("api")));
        assert!(!same_function(&arn, &Value::from("other")));
    }
}
