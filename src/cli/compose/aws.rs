//! What this process's environment says of a bucket of S3, where state is kept. It needn't be in the cloud that is deployed to.

use state::{S3Access, S3Url};

use crate::adapters::aws::{BucketSettings, bucket_access};
use crate::cli::exit_code::ExitCode;
use crate::cli::failure::Failure;
use crate::cli::process::environment::Process;

/// The region that services other than AWS are signed for, where nothing says which. Asking the machine it runs on would
/// take a second where that isn't in AWS.
const ANY_REGION: &str = "us-east-1";

/// What the bucket is opened with.
///
/// # Errors
/// When there is no such profile.
pub async fn bucket(process: &Process, url: &S3Url) -> Result<S3Access, Failure> {
    let endpoint = url.endpoint.clone().or_else(|| process.text("AWS_ENDPOINT_URL_S3").map(str::to_owned));
    let is_set = ["AWS_REGION", "AWS_DEFAULT_REGION"].iter().any(|name| process.text(name).is_some());
    let is_aws = endpoint.is_none() && process.text("AWS_ENDPOINT_URL").is_none();
    let region = url.region.clone().or_else(|| (!is_aws && !is_set).then(|| ANY_REGION.to_owned()));
    let settings = BucketSettings { region, profile: url.profile.clone(), endpoint };
    bucket_access(settings).await.map_err(|error| Failure::from(error).with_exit(ExitCode::Usage))
}
