//! What to do next about a failure: the remedy for what AWS users run into.

use super::{Action, Class, Failure, LOG_DELIVERY};
use crate::adapters::aws::connection::origin::Origin;

/// The remedy for a failed call of `action`, made from `origin`.
pub(super) fn hint(action: Action, failure: &Failure, origin: &Origin) -> Option<String> {
    let credentials = origin.credentials();
    Some(match failure.class {
        Class::Denied => match failure.code.as_deref() {
            None => not_aws(failure, origin).unwrap_or_else(|| missing_credentials(&failure.message, origin)),
            Some("ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" | "RequestExpired") => match &origin.profile {
                Some(profile) => format!("the credentials of {credentials} have expired: renew them (for SSO: aws sso login --profile {profile})"),
                None => format!("the credentials of {credentials} have expired: renew them"),
            },
            Some("InvalidClientTokenId" | "UnrecognizedClientException" | "InvalidAccessKeyId" | "InvalidToken" | "AuthFailure") => {
                format!("{} doesn't know the access key of {credentials}: check the key, the region and the endpoint", origin.target())
            }
            Some("SignatureDoesNotMatch" | "InvalidSignatureException" | "IncompleteSignature" | "IncompleteSignatureException") => {
                format!("the secret access key of {credentials} doesn't fit its access key, or this machine's clock is off")
            }
            Some("OptInRequired") => format!("enable the region {} for the account, or take another one", origin.region),
            _ => {
                let needed = || all_of(&[&[action.permission], action.besides].concat());
                let (permission, resource) = denied(&failure.message).unwrap_or_else(|| (needed(), None));
                let on = resource.map(|resource| format!(" on {resource}")).unwrap_or_default();
                format!("allow {permission}{on} to {credentials}, or use credentials that may")
            }
        },
        Class::Unavailable => format!("check that {} can be reached from here, then run the command again", origin.target()),
        Class::Throttled => "other programs use up the account's quota of this API: wait, then run the command again".to_owned(),
        Class::Conflict => "something else keeps changing the same thing: wait until it is done, then run the command again".to_owned(),
        Class::Propagating => "IAM hasn't spread the role within a minute: check that its trust policy names lambda.amazonaws.com, then run the command again".to_owned(),
        Class::Refused => return refusal(failure).or_else(|| not_aws(failure, origin)),
        Class::NotFound => return not_aws(failure, origin),
        Class::AlreadyExists | Class::Internal => return None,
    })
}

/// `a, b and c`
fn all_of(permissions: &[&str]) -> String {
    match permissions {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        all => all.concat(),
    }
}

fn missing_credentials(message: &str, origin: &Origin) -> String {
    let message = message.to_ascii_lowercase();
    match &origin.profile {
        Some(profile) if message.contains("sso") || message.contains("token") => {
            format!("log in: aws sso login --profile {profile}")
        }
        Some(profile) => format!(
            "the profile '{profile}' gives no credentials: look at it in ~/.aws/config and ~/.aws/credentials (aws configure list --profile {profile})"
        ),
        None => "set `profile` for the environment, give --profile, or set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY".to_owned(),
    }
}

/// AWS and its emulators give their errors a code; another server doesn't.
fn not_aws(failure: &Failure, origin: &Origin) -> Option<String> {
    let endpoint =
        origin.endpoint.as_ref().filter(|_| failure.code.is_none() && failure.message.starts_with("HTTP status"))?;
    Some(format!("{endpoint} doesn't answer as AWS does: check the endpoint, or leave it out for AWS itself"))
}

/// Reads "… is not authorized to perform: lambda:CreateFunction on resource: arn:… because …".
fn denied(message: &str) -> Option<(String, Option<String>)> {
    let word = |text: &str| text.split([' ', ',', ')']).next().unwrap_or_default().trim_end_matches('.').to_owned();
    let permission = word(message.split_once("not authorized to perform: ")?.1);
    let resource = message.split_once("on resource: ").map(|(_, rest)| word(rest)).filter(|text| !text.is_empty());
    permission.contains(':').then_some((permission, resource))
}

/// What to do where API Gateway can't enter another log group into CloudWatch Logs' resource policy. Each group takes a line of its own
/// there, but for those under `/aws/vendedlogs/`, which is where ours are
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-infrastructure-CWL.html>; <https://github.com/sst/sst/issues/125> has the
/// whole story, and what AWS answers).
const POLICY_IS_FULL: &str = "the region's resource policy of CloudWatch Logs is full (10 policies of 5,120 characters): look at it (aws logs \
                              describe-resource-policies), take out log groups that are gone, and enter log-group:/aws/vendedlogs/* once for all";

/// Whether an answer says that a resource policy of CloudWatch Logs can't take any more.
fn is_full_policy(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    let limits = ["policy document length", "resource policy size", "resource limit exceeded", "policy limit"];
    message.contains("policy document length breaking cloudwatch logs")
        || message.contains("enable logging") && limits.iter().any(|limit| message.contains(limit))
}

fn refusal(failure: &Failure) -> Option<String> {
    let message = &failure.message;
    Some(match failure.code.as_deref() {
        Some("BadRequestException" | "LimitExceededException") if is_full_policy(message) => POLICY_IS_FULL.to_owned(),
        Some("LimitExceededException" | "LimitExceeded" | "CodeStorageExceededException" | "TooManyBuckets") => {
            "a quota of the account is used up: delete what isn't needed, or ask AWS for more in Service Quotas".to_owned()
        }
        Some("RequestEntityTooLargeException" | "RequestTooLargeException" | "EntityTooLarge") => {
            "the package is too large: leave out what the server doesn't need (.semantestignore)".to_owned()
        }
        Some("BadRequestException") if message.contains("Insufficient permissions to enable logging") => {
            format!("allow {}: access logs need them. Where all of them are allowed, {POLICY_IS_FULL}", all_of(LOG_DELIVERY))
        }
        Some("BadRequestException") if message.contains("Invalid issuer") || message.contains("openid-configuration") => {
            "API Gateway asks the issuer when it is told of it: check that its URL with /.well-known/openid-configuration behind it answers from the internet, and names the same issuer, to the last slash".to_owned()
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::aws::quota;

    const ACTION: Action = Action::write("lambda:CreateFunction", quota::LAMBDA_CONTROL);

    fn failure(class: Class, code: Option<&str>, message: &str) -> Failure {
        Failure {
            class,
            code: code.map(str::to_owned),
            message: message.to_owned(),
            request_id: None,
            retry_after: None,
            in_doubt: false,
        }
    }

    fn origin(profile: Option<&str>) -> Origin {
        Origin { region: "eu-west-1".to_owned(), profile: profile.map(str::to_owned), endpoint: None }
    }

    #[test]
    fn a_denial_names_the_action_and_resource_that_aws_names() {
        let message = "User: arn:aws:iam::123456789012:user/dev is not authorized to perform: iam:PassRole on resource: arn:aws:iam::123456789012:role/api because no identity-based policy allows the iam:PassRole action";
        let hint =
            hint(ACTION, &failure(Class::Denied, Some("AccessDeniedException"), message), &origin(None)).unwrap();
        assert!(hint.contains("allow iam:PassRole on arn:aws:iam::123456789012:role/api"), "{hint}");
    }

    #[test]
    fn a_denial_without_details_names_the_permission_of_the_call() {
        let hint =
            hint(ACTION, &failure(Class::Denied, Some("AccessDenied"), "Access Denied"), &origin(Some("staging")))
                .unwrap();
        assert!(hint.contains("lambda:CreateFunction") && hint.contains("staging"), "{hint}");
    }

    #[test]
    fn an_issuer_that_cannot_be_asked_says_where_it_is_asked() {
        let message = "Caught exception when connecting to https://id.example.com/.well-known/openid-configuration for issuer https://id.example.com. Please try again later. Error: Invalid issuer: https://id.example.com";
        let failure = failure(Class::Refused, Some("BadRequestException"), message);
        assert!(hint(ACTION, &failure, &origin(None)).unwrap().contains("answers from the internet"));
    }

    #[test]
    fn a_full_resource_policy_of_the_logs_is_not_told_as_a_lack_of_permission() {
        let told = |code, message| hint(ACTION, &failure(Class::Refused, Some(code), message), &origin(None)).unwrap();
        let full =
            "Cannot enable logging. Policy document length breaking Cloudwatch Logs Constraints, either < 1 or > 5120";
        for (code, message) in [
            ("BadRequestException", full),
            ("BadRequestException", "Cannot enable logging. Resource limit exceeded."),
            ("LimitExceededException", full),
        ] {
            let hint = told(code, message);
            assert!(hint.contains("describe-resource-policies") && hint.contains("/aws/vendedlogs/*"), "{hint}");
            assert!(!hint.contains("allow "), "{hint}");
        }
        // One answer for both.
        let hint = told("BadRequestException", "Insufficient permissions to enable logging");
        assert!(hint.contains("allow logs:CreateLogDelivery") && hint.contains("describe-resource-policies"), "{hint}");
        let other = told("LimitExceededException", "The maximum number of log groups was reached");
        assert!(other.contains("Service Quotas"), "{other}");
    }

    #[test]
    fn an_endpoint_that_is_not_aws_is_named() {
        let origin = Origin { endpoint: Some("http://intranet.example".to_owned()), ..origin(None) };
        for class in [Class::Refused, Class::Denied, Class::NotFound] {
            let hint = hint(ACTION, &failure(class, None, "HTTP status 501"), &origin).unwrap();
            assert!(hint.contains("http://intranet.example doesn't answer as AWS does"), "{hint}");
        }
        assert_eq!(hint(ACTION, &failure(Class::Refused, Some("Odd"), "odd"), &origin), None);
    }

    #[test]
    fn expired_credentials_of_a_profile_say_how_to_log_in() {
        let hint =
            hint(ACTION, &failure(Class::Denied, Some("ExpiredToken"), "expired"), &origin(Some("staging"))).unwrap();
        assert!(hint.contains("aws sso login --profile staging"), "{hint}");
    }
}
