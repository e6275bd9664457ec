//! What went wrong with a call: AWS's many codes and statuses, put into the few classes that decide what happens next.

use std::error::Error;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_lambda::operation::RequestId;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::ports::ProviderErrorKind;

/// S3's code for a bucket that has no tags.
pub(in super::super) const NO_TAGS: &str = "NoSuchTagSet";

/// What can be done about a failed call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in super::super) enum Class {
    /// Sent too fast: back off, and tell the quota.
    Throttled,
    /// AWS or the way to it failed: try again.
    Unavailable,
    /// Another change of the same thing is under way: try again soon.
    Conflict,
    /// Something made a moment ago isn't seen everywhere yet: try again soon.
    Propagating,
    /// The thing isn't there.
    NotFound,
    /// Something of that name is there already.
    AlreadyExists,
    /// AWS doesn't accept the input.
    Refused,
    /// Credentials are missing, wrong, expired or insufficient.
    Denied,
    /// The SDK couldn't even make the request, or the answer makes no sense.
    Internal,
}

impl Class {
    /// The kind under which the failure is reported when no retry helped.
    pub(in super::super) fn kind(self) -> ProviderErrorKind {
        match self {
            Self::Throttled => ProviderErrorKind::Throttled,
            Self::Unavailable => ProviderErrorKind::Unavailable,
            Self::Conflict => ProviderErrorKind::Conflict,
            Self::Propagating => ProviderErrorKind::Timeout,
            Self::NotFound => ProviderErrorKind::NotFound,
            Self::AlreadyExists => ProviderErrorKind::AlreadyExists,
            Self::Refused => ProviderErrorKind::Refused,
            Self::Denied => ProviderErrorKind::Denied,
            Self::Internal => ProviderErrorKind::Internal,
        }
    }
}

/// A failed call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Failure {
    pub(in super::super) class: Class,
    /// AWS's code, such as `ResourceConflictException`.
    pub(in super::super) code: Option<String>,
    /// What AWS, or the transport, said.
    pub(in super::super) message: String,
    /// AWS's id of the request.
    pub(in super::super) request_id: Option<String>,
    /// How long AWS asks to wait.
    pub(in super::super) retry_after: Option<Duration>,
    /// The change may have happened though the call failed: the answer was lost, or the server failed on the way.
    pub(in super::super) in_doubt: bool,
}

impl Failure {
    /// Whether AWS says that a thing that the call names isn't there. A bucket without tags is there.
    pub(in super::super) fn says_absent(&self) -> bool {
        self.class == Class::NotFound && self.code.as_deref() != Some(NO_TAGS)
    }

    fn local(class: Class, message: String, in_doubt: bool) -> Self {
        Self { class, code: None, message, request_id: None, retry_after: None, in_doubt }
    }

    /// Reads an SDK's error.
    pub(in super::super) fn of<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        match error {
            SdkError::ServiceError(context) => {
                let status = context.raw().status().as_u16();
                let code = context.err().code();
                let message = match context.err().message() {
                    Some(message) => message.to_owned(),
                    None => format!("HTTP status {status}"),
                };
                let class = classify(code, status, &message);
                Self {
                    class,
                    code: code.map(str::to_owned),
                    message,
                    request_id: error.request_id().map(str::to_owned),
                    retry_after: retry_after(context.raw()),
                    in_doubt: class == Class::Unavailable,
                }
            }
            SdkError::TimeoutError(_) => Self::local(Class::Unavailable, "no answer in time".to_owned(), true),
            SdkError::DispatchFailure(failure) => {
                if let Some(credentials) = source_of::<CredentialsError>(error) {
                    return Self::local(Class::Denied, innermost(credentials), false);
                }
                let cause = failure.as_connector_error().map_or_else(String::new, |error| innermost(error));
                match failure.is_user() {
                    true => Self::local(Class::Internal, cause, false),
                    // I/O and timeouts; a connection that was closed in the middle of an answer is called "other".
                    false => Self::local(Class::Unavailable, cause, !never_connected(error)),
                }
            }
            SdkError::ResponseError(context) => {
                let status = context.raw().status().as_u16();
                // An answer that isn't AWS's: a proxy's error page, or one that was cut off.
                let class = if status == 429 { Class::Throttled } else { Class::Unavailable };
                Self::local(
                    class,
                    format!("an answer of status {status} that can't be read"),
                    class != Class::Throttled,
                )
            }
            other => match source_of::<CredentialsError>(other) {
                Some(credentials) => Self::local(Class::Denied, innermost(credentials), false),
                None => Self::local(Class::Internal, innermost(other), false),
            },
        }
    }
}

/// The class of an answer, by AWS's code where there is one, else by the HTTP status.
pub(in super::super) fn classify(code: Option<&str>, status: u16, message: &str) -> Class {
    // What a server doesn't implement it won't in a minute either, whatever code it gives: an emulator's is `InternalFailure`
    // for most of it (501 is "not implemented", RFC 9110 section 15.6.2; AWS itself doesn't answer so).
    if status == 501 {
        return Class::Refused;
    }
    // Codes of all services in use; the source is the "Errors" section of each operation and the page on common errors
    // (https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html).
    match code.unwrap_or_default() {
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "TooManyRequestsException"
        | "TooManyRequests"
        | "RequestLimitExceeded"
        | "SlowDown"
        | "BandwidthLimitExceeded"
        | "PriorRequestNotComplete" => Class::Throttled,

        "ServiceException"
        | "ServiceUnavailable"
        | "ServiceUnavailableException"
        | "ServiceFailure"
        | "ServiceFailureException"
        | "InternalError"
        | "InternalFailure"
        | "InternalServerError"
        | "InternalServerException"
        | "RequestTimeout"
        | "RequestTimeoutException"
        | "503" => Class::Unavailable,

        // Lambda and API Gateway use one code for "busy" and for "exists".
        "ResourceConflictException" | "ConflictException" if says_exists(message) => Class::AlreadyExists,
        "ResourceConflictException"
        | "ConflictException"
        | "ConcurrentModification"
        | "ConcurrentModificationException"
        | "OperationAbortedException"
        | "OperationAborted"
        | "PreconditionFailedException"
        | "ResourceInUseException"
        | "ConditionalRequestConflict" => Class::Conflict,
        "ResourceNotReadyException" => Class::Conflict,

        "InvalidParameterValueException" if propagating(message) => Class::Propagating,

        // Answers of status 409 to what no waiting makes better.
        "DeleteConflict" | "BucketNotEmpty" => Class::Refused,

        "NoSuchEntity"
        | "ResourceNotFoundException"
        | "NotFoundException"
        | "NoSuchBucket"
        | "NoSuchKey"
        | "NotFound"
        | NO_TAGS => Class::NotFound,

        "EntityAlreadyExists"
        | "EntityAlreadyExistsException"
        | "ResourceAlreadyExistsException"
        | "BucketAlreadyOwnedByYou"
        | "BucketAlreadyExists"
        | "PreconditionFailed" => Class::AlreadyExists,

        "AccessDenied"
        | "AccessDeniedException"
        | "AccessDeniedError"
        | "UnauthorizedOperation"
        | "UnauthorizedException"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "TokenRefreshRequired"
        | "InvalidClientTokenId"
        | "InvalidToken"
        | "UnrecognizedClientException"
        | "SignatureDoesNotMatch"
        | "InvalidSignatureException"
        | "AuthFailure"
        | "InvalidAccessKeyId"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "NotAuthorized"
        | "OptInRequired"
        | "RequestExpired" => Class::Denied,

        _ => match status {
            404 => Class::NotFound,
            401 | 403 => Class::Denied,
            408 => Class::Unavailable,
            409 if says_exists(message) => Class::AlreadyExists,
            409 => Class::Conflict,
            429 => Class::Throttled,
            500 | 502..=504 => Class::Unavailable,
            _ => Class::Refused,
        },
    }
}

fn says_exists(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    // The last one is Lambda's of a function's URL
    // (https://github.com/Worklytics/psoxy/blob/main/docs/aws/troubleshooting.md quotes the whole answer).
    message.contains("already exist")
        || message.contains("provided already exists")
        || message.contains("functionurlconfig exists")
}

/// What Lambda says of a role that IAM hasn't spread yet: about 2 s as a rule, up to a minute. The last one is the answer of KMS,
/// which a function with environment variables needs a grant of
/// (<https://github.com/hashicorp/terraform-provider-aws/issues/4633>).
fn propagating(message: &str) -> bool {
    message.contains("cannot be assumed by Lambda")
        || message.contains("The provided execution role does not have permissions")
        || message.contains("ARN does not refer to a valid principal")
}

fn retry_after(response: &HttpResponse) -> Option<Duration> {
    let seconds: u64 = response.headers().get("retry-after")?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds.min(60)))
}

/// An error and its causes, the deepest last.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let current = next?;
        next = current.source();
        Some(current)
    })
}

/// The first error of a type in the chain of causes.
fn source_of<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    causes(error).find_map(|error| error.downcast_ref::<T>())
}

/// The text of the cause that lies deepest: the others only wrap it ("dispatch failure", "client error").
fn innermost(error: &(dyn Error + 'static)) -> String {
    causes(error).last().map_or_else(String::new, ToString::to_string)
}

/// Whether the connection was never made, so that nothing can have happened.
fn never_connected(error: &(dyn Error + 'static)) -> bool {
    source_of::<std::io::Error>(error).is_some_and(|error| {
        use std::io::ErrorKind::{AddrNotAvailable, ConnectionRefused, HostUnreachable, NetworkUnreachable};
        matches!(error.kind(), ConnectionRefused | HostUnreachable | NetworkUnreachable | AddrNotAvailable)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_code_for_two_things_is_told_apart_by_its_text() {
        let lambda = |message| classify(Some("ResourceConflictException"), 409, message);
        assert_eq!(lambda("Function already exist: api"), Class::AlreadyExists);
        let url = "Failed to create function url config for [functionArn = arn]. Error message:  FunctionUrlConfig exists for \
                   this Lambda function";
        assert_eq!(lambda(url), Class::AlreadyExists);
        assert_eq!(lambda("The statement id (api) provided already exists. Please try again."), Class::AlreadyExists);
        assert_eq!(
            lambda("The operation cannot be performed at this time. An update is in progress for resource: arn"),
            Class::Conflict
        );
        let gateway = |message| classify(Some("ConflictException"), 409, message);
        assert_eq!(gateway("Route with key $default already exists for this API"), Class::AlreadyExists);
        assert_eq!(
            gateway("Unable to complete operation due to concurrent modification. Please try again later."),
            Class::Conflict
        );
    }

    #[test]
    fn a_role_that_is_too_new_is_waited_for_and_a_wrong_one_is_not() {
        let create = |message| classify(Some("InvalidParameterValueException"), 400, message);
        assert_eq!(create("The role defined for the function cannot be assumed by Lambda."), Class::Propagating);
        assert_eq!(
            create("the KMS key is invalid for CreateGrant. KMS Message: ARN does not refer to a valid principal: arn"),
            Class::Propagating
        );
        assert_eq!(create("Unzipped size must be smaller than 262144000 bytes"), Class::Refused);
    }

    #[test]
    fn the_status_decides_where_there_is_no_known_code() {
        for (status, class) in [
            (400, Class::Refused),
            (403, Class::Denied),
            (404, Class::NotFound),
            (409, Class::Conflict),
            (429, Class::Throttled),
            (500, Class::Unavailable),
            (501, Class::Refused),
            (503, Class::Unavailable),
        ] {
            assert_eq!(classify(None, status, ""), class, "{status}");
        }
        // As emulators answer to what they don't have.
        assert_eq!(classify(Some("InternalFailure"), 501, "not yet implemented"), Class::Refused);
        assert_eq!(classify(Some("ThrottlingException"), 400, "Rate exceeded"), Class::Throttled);
        assert_eq!(classify(Some("AccessDenied"), 403, ""), Class::Denied);
    }
}
