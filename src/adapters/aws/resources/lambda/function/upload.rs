//! The code's way to Lambda: the packaged zip, or an object in S3.
//!
//! A package is in memory while it is being sent and at no other time: it is read once its call may be made, and again for the next
//! try. What is in memory at once has a limit, since a request takes more than three times its package: the bytes, their base64, and
//! the body. Encoding and signing run in a task of their own, beside the other steps.

use std::path::PathBuf;

use aws_sdk_lambda::error::SdkError;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::FunctionCode;
use aws_sdk_lambda::types::builders::FunctionCodeBuilder;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use resource_graph::{PropertyMap, Value};
use tokio::task::JoinSet;

use super::properties::{Inputs, Outputs};
use crate::adapters::aws::connection::room::Room;
use crate::adapters::aws::frame::managed::Call;
use crate::adapters::aws::frame::properties::{archive, archive_with_hash};
use crate::ports::{ProviderError, ProviderErrorKind};

/// A package: where it lies, and its bytes.
#[derive(Clone)]
struct Package {
    path: PathBuf,
    bytes: u64,
}

/// A function's code, ready to be sent.
pub(in crate::adapters::aws) struct Code {
    zip: Option<Package>,
    pub(in crate::adapters::aws) s3_bucket: Option<String>,
    pub(in crate::adapters::aws) s3_key: Option<String>,
    pub(in crate::adapters::aws) s3_object_version: Option<String>,
}

impl Code {
    /// Finds what the inputs name.
    pub(in crate::adapters::aws) async fn of(call: &Call<'_>, inputs: &Inputs) -> Result<Self, ProviderError> {
        if inputs.package_type.as_deref().is_some_and(|kind| kind != "Zip") {
            let message = format!("the function {} is a container image, which isn't supported", inputs.name);
            return Err(call.error(ProviderErrorKind::Refused, message).with_hint("give its code as a zip package"));
        }
        let Inputs { s3_bucket, s3_key, s3_object_version, .. } = inputs.clone();
        let zip = match (archive(call.given, "code"), &s3_bucket) {
            (Some(archive), None) => {
                let path = call.connection.artifacts.locate(archive).await?;
                let found = tokio::fs::metadata(&path).await.map_err(|error| {
                    let message = format!("the package {} can't be read: {error}", path.display());
                    call.error(ProviderErrorKind::Internal, message)
                })?;
                Some(Package { path, bytes: found.len() })
            }
            (None, Some(_)) => None,
            _ => {
                let message = format!("the function {} needs either `code` or `s3Bucket` and `s3Key`", inputs.name);
                return Err(call.error(ProviderErrorKind::Refused, message));
            }
        };
        Ok(Self { zip, s3_bucket, s3_key, s3_object_version })
    }

    /// Bytes that a request with it carries.
    pub(in crate::adapters::aws) fn bytes(&self) -> u64 {
        self.zip.as_ref().map_or(0, |zip| zip.bytes)
    }

    /// The code as `CreateFunction` takes it, but for the package.
    pub(in crate::adapters::aws) fn for_creation(&self) -> FunctionCodeBuilder {
        FunctionCode::builder()
            .set_s3_bucket(self.s3_bucket.clone())
            .set_s3_key(self.s3_key.clone())
            .set_s3_object_version(self.s3_object_version.clone())
    }

    /// Sends a request with the package, once there is room for it in memory. Whoever drops the future ends the request.
    pub(in crate::adapters::aws) async fn send<T, E, F>(
        &self,
        room: &Room,
        request: impl FnOnce(Option<Blob>) -> F + Send + 'static,
    ) -> Result<T, SdkError<E, HttpResponse>>
    where
        T: Send + 'static,
        E: Send + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send + 'static,
    {
        let Some(Package { path, bytes }) = self.zip.clone() else { return request(None).await };
        let place = room.take(bytes).await.map_err(SdkError::construction_failure)?;
        let mut task = JoinSet::new();
        task.spawn(async move {
            let _place = place;
            let bytes = tokio::fs::read(path).await.map_err(SdkError::construction_failure)?;
            request(Some(Blob::new(bytes))).await
        });
        match task.join_next().await {
            Some(Ok(answer)) => answer,
            Some(Err(error)) => Err(SdkError::construction_failure(error)),
            None => Err(SdkError::construction_failure("the upload ended without an answer")),
        }
    }
}

/// Whether the code differs between two sets of inputs.
pub(in crate::adapters::aws) fn differs(old: &PropertyMap, new: &PropertyMap) -> bool {
    ["code", "s3Bucket", "s3Key", "s3ObjectVersion", "architectures"].iter().any(|name| {
        let exposed =
            |map: &PropertyMap| map.get(name).map(|value| value.exposed().clone()).filter(|value| !value.is_null());
        exposed(old) != exposed(new)
    })
}

/// The SHA-256 of the wanted code, where the inputs tell: that of the archive, or the one that the key of an object in S3 is
/// named by.
fn wanted_hash(given: &PropertyMap) -> Option<Vec<u8>> {
    match archive(given, "code") {
        Some(archive) => hex::decode(archive.hash.as_ref()?).ok(),
        None => {
            let name = given.string("s3Key")?.rsplit('/').next()?.strip_suffix(".zip")?;
            hex::decode(name).ok().filter(|hash| hash.len() == 32)
        }
    }
}

/// Whether the function has the code of the inputs already.
pub(in crate::adapters::aws) fn is_there(given: &PropertyMap, found: &Outputs) -> bool {
    let architectures =
        given.list("architectures").map(|list| list.iter().filter_map(Value::as_str).collect::<Vec<_>>());
    wanted_hash(given).is_some_and(|hash| STANDARD.encode(hash) == found.code_hash())
        && found.has_architectures(&architectures.unwrap_or_else(|| vec!["x86_64"]))
}

/// The input that says which code it is, as the cloud has it, where that differs from the given one.
pub(in crate::adapters::aws) fn found(given: &PropertyMap, code_sha256: &str) -> Option<(&'static str, Value)> {
    let (wanted, hash) = (wanted_hash(given)?, STANDARD.decode(code_sha256).ok()?);
    if wanted == hash || hash.is_empty() {
        return None;
    }
    let hash = hex::encode(hash);
    Some(match archive(given, "code") {
        Some(archive) => ("code", archive_with_hash(archive, hash)),
        None => ("s3Key", format!("{hash}.zip").into()),
    })
}
