//! `aws:s3/bucketObjectv2:BucketObjectv2`: a package in a bucket. Its id is its key.

use std::path::Path;

use async_trait::async_trait;
use aws_sdk_s3::Client as S3Client;
use aws_sdk_s3::config::Config;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumMode, Tag, Tagging};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use resource_graph::{
    CallCost, OperationCost, PropertyMap, ResourceTypeInfo, Value, resource::resource_type::never_equivalent,
};
use serde::{Deserialize, Serialize};

use crate::adapters::aws::calls::Action;
use crate::adapters::aws::frame::import_form::{ImportForm, split, text};
use crate::adapters::aws::frame::managed::{AdoptionForm, AwsResource, Call, Remote, required};
use crate::adapters::aws::frame::properties::{Default, Shape, archive, archive_with_hash};
use crate::adapters::aws::frame::tags::{self, Tags};
use crate::adapters::aws::quota::S3;
use crate::ports::{ImportedId, ProviderError, ProviderErrorKind, Whose};

const PUT: Action = Action::write("s3:PutObject", S3).besides(&["s3:PutObjectTagging"]);
const HEAD: Action = Action::read("s3:HeadObject", S3).needs("s3:GetObject");
const GET_TAGS: Action = Action::read("s3:GetObjectTagging", S3);
const PUT_TAGS: Action = Action::write("s3:PutObjectTagging", S3);
const DELETE: Action = Action::write("s3:DeleteObject", S3);

#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::adapters::aws) struct Inputs {
    bucket: String,
    key: String,
    cache_control: Option<String>,
    content_type: Option<String>,
    tags: Option<Tags>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::adapters::aws) struct Outputs {
    #[serde(flatten)]
    inputs: Inputs,
    arn: String,
    bucket_key_enabled: bool,
    checksum_sha256: String,
    etag: String,
    kms_key_id: String,
    server_side_encryption: String,
    storage_class: String,
    tags_all: Tags,
    version_id: String,
}

fn title(bucket: &str, key: &str) -> String {
    format!("s3://{bucket}/{key}")
}

/// Base64 of the SHA-256 that an archive says it has: S3 checks the upload against it.
fn checksum(given: &PropertyMap) -> Option<String> {
    let hash = archive(given, "source")?.hash.as_ref()?;
    Some(STANDARD.encode(hex::decode(hash).ok()?))
}

async fn head(call: &Call<'_>, bucket: &str, key: &str) -> Result<Outputs, ProviderError> {
    let (s3, on) = (call.client::<S3Client>(), title(bucket, key));
    let request = s3.head_object().bucket(bucket).key(key).checksum_mode(ChecksumMode::Enabled);
    let found = call.send(HEAD, &on, || request.clone().send()).await?;
    let request = s3.get_object_tagging().bucket(bucket).key(key);
    let tags = call.send(GET_TAGS, &on, || request.clone().send()).await?;
    let tags = tags::found(tags.tag_set.into_iter().map(|tag| (tag.key, tag.value)));
    let text = |text: Option<String>| text.unwrap_or_default();
    Ok(Outputs {
        arn: format!("arn:{}:s3:::{bucket}/{key}", call.connection.account().await?.partition),
        bucket_key_enabled: found.bucket_key_enabled.unwrap_or(false),
        checksum_sha256: text(found.checksum_sha256),
        etag: text(found.e_tag).trim_matches('"').to_owned(),
        kms_key_id: text(found.ssekms_key_id),
        server_side_encryption: found.server_side_encryption.map_or_else(String::new, |kind| kind.as_str().to_owned()),
        storage_class: found.storage_class.map_or_else(|| "STANDARD".to_owned(), |class| class.as_str().to_owned()),
        version_id: text(found.version_id).replace("null", ""),
        inputs: Inputs {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            cache_control: Some(text(found.cache_control)),
            content_type: Some(text(found.content_type)),
            tags: Some(tags.clone()),
        },
        tags_all: tags,
    })
}

/// Uploads the package; `tags` are all that the object gets.
async fn put(call: &Call<'_>, inputs: &Inputs, tags: &Tags, only_if_absent: bool) -> Result<(), ProviderError> {
    let Some(archive) = archive(call.given, "source") else {
        let message = format!("the object {} has no `source`", title(&inputs.bucket, &inputs.key));
        return Err(call.error(ProviderErrorKind::Refused, message));
    };
    let path = call.connection.artifacts.locate(archive).await?;
    let bytes = tokio::fs::metadata(&path).await.map(|metadata| metadata.len()).unwrap_or_default();
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let tagging: Vec<String> =
        tags.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
    let timeouts = call.connection.upload_timeouts(bytes);
    let send = || {
        // A request with a body can't be cloned.
        let request = call
            .client::<S3Client>()
            .put_object()
            .bucket(&inputs.bucket)
            .key(&inputs.key)
            .set_cache_control(inputs.cache_control.clone())
            .set_content_type(inputs.content_type.clone())
            .set_checksum_sha256(checksum(call.given))
            .set_if_none_match(only_if_absent.then(|| "*".to_owned()))
            .set_tagging((!tagging.is_empty()).then(|| tagging.join("&")));
        upload(request, &path, Config::builder().timeout_config(timeouts.clone()))
    };
    call.send(PUT, &title(&inputs.bucket, &inputs.key), send).await.map(drop)
}

/// Sends the file's bytes as they are read, so that a large package isn't held in memory.
async fn upload(
    request: PutObjectFluentBuilder,
    path: &Path,
    timeouts: aws_sdk_s3::config::Builder,
) -> Result<
    aws_sdk_s3::operation::put_object::PutObjectOutput,
    SdkError<aws_sdk_s3::operation::put_object::PutObjectError, aws_sdk_s3::config::http::HttpResponse>,
> {
    let body = ByteStream::from_path(path).await.map_err(SdkError::construction_failure)?;
    request.body(body).customize().config_override(timeouts).send().await
}

pub(in crate::adapters::aws) struct BucketObject;

#[async_trait]
impl AwsResource for BucketObject {
    type Inputs = Inputs;
    type Outputs = Outputs;

    const INFO: &'static ResourceTypeInfo = &ResourceTypeInfo {
        token: "aws:s3/bucketObjectv2:BucketObjectv2",
        replace_on: &["bucket", "key", "region"],
        stable_outputs: &["id", "arn", "bucket", "key", "region"],
        delete_before_replace: false,
        conflict_input: None,
        conflict_scope: "",
        id_within: &["bucket"],
        create: OperationCost::new(&[CallCost { quota: S3, calls: 3 }], 5000),
        update: OperationCost::new(&[CallCost { quota: S3, calls: 3 }], 1000),
        delete: OperationCost::new(&[CallCost { quota: S3, calls: 1 }], 150),
        read: OperationCost::new(&[CallCost { quota: S3, calls: 2 }], 150),
        equivalent: never_equivalent,
    };
    const SHAPE: Shape = Shape {
        required: &["bucket", "key", "source"],
        identity: &["bucket", "key"],
        generated_id: false,
        files: &["source"],
        directives: &[("region", Default::Chosen), ("forceDestroy", Default::Flag(false))],
        defaults: &[("contentType", Default::Chosen)],
        sensitive: &[],
    };
    const IMPORT: ImportForm = ImportForm::Special {
        form: "s3://<bucket>/<key>",
        write: |_, inputs| Some(title(text(inputs, "bucket")?, text(inputs, "key")?)),
        read: |id| {
            let (bucket, key) = split(id.strip_prefix("s3://").unwrap_or(id), '/')?;
            Some(ImportedId::Find { inputs: [("bucket", bucket), ("key", key)].into() })
        },
    };
    const ADOPTION: AdoptionForm = AdoptionForm::UNNAMED;

    async fn create(call: &Call<'_>, inputs: &Inputs) -> Result<Remote<Outputs>, ProviderError> {
        put(call, inputs, &call.creation_tags(inputs.tags.as_ref()), true).await?;
        Ok(Remote { id: inputs.key.clone(), outputs: head(call, &inputs.bucket, &inputs.key).await? })
    }

    async fn read(call: &Call<'_>, id: &str, inputs: &Inputs) -> Result<Outputs, ProviderError> {
        head(call, &inputs.bucket, id).await
    }

    async fn update(call: &Call<'_>, id: &str, old: &Inputs, new: &Inputs) -> Result<Outputs, ProviderError> {
        let found = head(call, &new.bucket, id).await?;
        let differs = checksum(call.given).is_none_or(|wanted| wanted != found.checksum_sha256);
        let described = |inputs: &Inputs| (inputs.cache_control.clone(), inputs.content_type.clone());
        if differs || described(old) != described(new) {
            put(call, new, &call.creation_tags(new.tags.as_ref()), false).await?;
        } else if old.tags != new.tags {
            let all = call.creation_tags(new.tags.as_ref());
            let set: Vec<Tag> = all
                .iter()
                .map(|(key, value)| required(Tag::builder().key(key).value(value).build().ok(), "a tag"))
                .collect::<Result<_, _>>()?;
            let tagging = required(Tagging::builder().set_tag_set(Some(set)).build().ok(), "tags")?;
            let request = call.client::<S3Client>().put_object_tagging().bucket(&new.bucket).key(id).tagging(tagging);
            call.send(PUT_TAGS, &title(&new.bucket, id), || request.clone().send()).await?;
        }
        head(call, &new.bucket, id).await
    }

    async fn delete(call: &Call<'_>, id: &str, inputs: &Inputs) -> Result<(), ProviderError> {
        let request = call.client::<S3Client>().delete_object().bucket(&inputs.bucket).key(id);
        call.send(DELETE, &title(&inputs.bucket, id), || request.clone().send()).await.map(drop)
    }

    async fn find(call: &Call<'_>, inputs: &Inputs) -> Result<Option<(Whose, Remote<Outputs>)>, ProviderError> {
        let outputs = head(call, &inputs.bucket, &inputs.key).await?;
        let whose = tags::whose(&outputs.tags_all, call.context);
        Ok(Some((whose, Remote { id: inputs.key.clone(), outputs })))
    }

    fn observed(given: &PropertyMap, outputs: &Outputs) -> Vec<(&'static str, Value)> {
        let Some(archive) = archive(given, "source") else { return Vec::new() };
        let found = STANDARD.decode(&outputs.checksum_sha256).map(hex::encode).unwrap_or_default();
        // An object that another tool uploaded in parts has no checksum of the whole.
        if found.is_empty() || archive.hash.as_deref() == Some(found.as_str()) {
            return Vec::new();
        }
        vec![("source", archive_with_hash(archive, found))]
    }
}
