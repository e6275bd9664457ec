//! Quota classes: how many calls of a kind an account and region may send per second.
//!
//! The classes are AWS's own, from each service's quotas page. Where AWS publishes nothing (IAM, STS, S3's control plane)
//! the figure is a careful guess, and throttling narrows it.

use std::collections::BTreeMap;
use std::time::Duration;

use resource_graph::Quota;

/// All control-plane operations of Lambda together, but for those of the other classes
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
pub(super) const LAMBDA_CONTROL: &str = "lambda:control";
/// `GetFunction`, which is therefore what polls use.
pub(super) const LAMBDA_GET_FUNCTION: &str = "lambda:get-function";
/// `GetPolicy`.
pub(super) const LAMBDA_GET_POLICY: &str = "lambda:get-policy";
/// All management operations of API Gateway, v1 and v2
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html>).
pub(super) const API_GATEWAY: &str = "apigateway";
/// IAM; unpublished.
pub(super) const IAM: &str = "iam";
/// `CreateLogGroup`
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html>).
pub(super) const LOGS_CREATE_LOG_GROUP: &str = "logs:create-log-group";
/// Other operations on log groups, each of which has 10/s or 5/s of its own.
pub(super) const LOGS: &str = "logs";
/// S3; 3,500 writes per second and prefix, but bucket operations have an unpublished limit.
pub(super) const S3: &str = "s3";
/// Cryptographic operations of KMS
/// (<https://docs.aws.amazon.com/kms/latest/developerguide/requests-per-second.html>); a run makes one or two.
pub(super) const KMS: &str = "kms";
/// STS; unpublished.
pub(super) const STS: &str = "sts";

const ALL: [(&str, Quota); 10] = [
    (KMS, Quota { rate: 100.0, burst: 100.0 }),
    (LAMBDA_CONTROL, Quota { rate: 15.0, burst: 15.0 }),
    (LAMBDA_GET_FUNCTION, Quota { rate: 100.0, burst: 100.0 }),
    (LAMBDA_GET_POLICY, Quota { rate: 15.0, burst: 15.0 }),
    (API_GATEWAY, Quota { rate: 10.0, burst: 40.0 }),
    (IAM, Quota { rate: 20.0, burst: 30.0 }),
    (LOGS_CREATE_LOG_GROUP, Quota { rate: 10.0, burst: 10.0 }),
    (LOGS, Quota { rate: 10.0, burst: 10.0 }),
    (S3, Quota { rate: 100.0, burst: 100.0 }),
    (STS, Quota { rate: 50.0, burst: 50.0 }),
];

/// An emulator has no quotas, only a limited throughput.
const EMULATED: Quota = Quota { rate: 200.0, burst: 100.0 };

/// What an operation on a resource takes in an emulator, none of which waits for anything. The types know what it takes in AWS.
const EMULATED_OPERATION: Duration = Duration::from_millis(30);

/// What an operation takes at most as a rule, whatever its type; unknown for AWS itself.
pub(super) fn longest_operation(emulated: bool) -> Option<Duration> {
    emulated.then_some(EMULATED_OPERATION)
}

/// The quotas of AWS, or of an emulator on this machine.
pub(super) fn quotas(emulated: bool) -> BTreeMap<&'static str, Quota> {
    ALL.into_iter().map(|(name, quota)| (name, if emulated { EMULATED } else { quota })).collect()
}
