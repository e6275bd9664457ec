//! What it takes to go on with resources that another program made and recorded: which input is a type's physical name, what
//! is enough to recognise one, and what the type was called before (SPEC.md section 6.1).

use crate::ports::TakeoverFacts;

/// The input that holds the physical name of a type's resources, where that is free to choose.
pub(super) fn name_input(token: &str) -> Option<&'static str> {
    match token {
        "aws:apigatewayv2/api:Api"
        | "aws:apigatewayv2/authorizer:Authorizer"
        | "aws:cloudwatch/logGroup:LogGroup"
        | "aws:iam/role:Role"
        | "aws:iam/rolePolicy:RolePolicy"
        | "aws:lambda/alias:Alias"
        | "aws:lambda/function:Function" => Some("name"),
        "aws:lambda/permission:Permission" => Some("statementId"),
        "aws:s3/bucket:Bucket" => Some("bucket"),
        _ => None,
    }
}

/// What it takes to go on with resources of a type.
pub(super) fn facts(token: &str) -> TakeoverFacts {
    TakeoverFacts {
        recognising_inputs: match token {
            // An API mostly has one integration with functions, whichever alias of which it calls.
            "aws:apigatewayv2/integration:Integration" => &["apiId", "integrationType"],
            _ => &[],
        },
        name_input: name_input(token),
        former_types: match token {
            "aws:s3/bucket:Bucket" => &["aws:s3/bucketV2:BucketV2"],
            _ => &[],
        },
        repeated_inputs: &["tagsAll"],
    }
}

/// The region in an ARN: `arn:partition:service:region:account:resource`; IAM and a few others have none.
pub(super) fn region_of_arn(arn: &str) -> Option<&str> {
    arn.split(':').nth(3).filter(|region| !region.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_stands_in_most_arns() {
        assert_eq!(region_of_arn("arn:aws:lambda:eu-west-1:123456789012:function:api"), Some("eu-west-1"));
        assert_eq!(region_of_arn("arn:aws:iam::123456789012:role/api"), None);
        assert_eq!(region_of_arn("api"), None);
    }
}
