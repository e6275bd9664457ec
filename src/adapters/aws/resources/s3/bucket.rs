//! `aws:s3/bucket:Bucket`: where packages that are too large for a call are kept. Its id is its name.

use async_trait::async_trait;
use aws_sdk_s3::Client as S3Client;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration, Delete, ObjectIdentifier, Tag, Tagging};
use resource_graph::{CallCost, OperationCost, ResourceTypeInfo, resource::resource_type::never_equivalent};
use serde::{Deserialize, Serialize};

use crate::adapters::aws::calls::{Action, NO_TAGS};
use crate::adapters::aws::frame::import_form::ImportForm;
use crate::adapters::aws::frame::managed::{AdoptionForm, AwsResource, Call, Remote, required};
use crate::adapters::aws::frame::properties::{Default, Shape};
use crate::adapters::aws::frame::tags::{self, Tags};
use crate::adapters::aws::quota::S3;
use crate::ports::{ProviderError, ProviderErrorKind, Whose};

const CREATE: Action = Action::write("s3:CreateBucket", S3);
const HEAD: Action = Action::read("s3:HeadBucket", S3).needs("s3:ListBucket");
const GET_TAGS: Action = Action::read("s3:GetBucketTagging", S3);
const PUT_TAGS: Action = Action::write("s3:PutBucketTagging", S3);
const LIST_VERSIONS: Action = Action::read("s3:ListObjectVersions", S3).needs("s3:ListBucketVersions");
const DELETE_OBJECTS: Action = Action::write("s3:DeleteObjects", S3).needs("s3:DeleteObjectVersion");
const DELETE: Action = Action::write("s3:DeleteBucket", S3);

#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::adapters::aws) struct Inputs {
    bucket: String,
    tags: Option<Tags>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::adapters::aws) struct Outputs {
    #[serde(flatten)]
    inputs: Inputs,
    arn: String,
    bucket_domain_name: String,
    bucket_prefix: String,
    bucket_region: String,
    bucket_regional_domain_name: String,
    object_lock_enabled: bool,
    tags_all: Tags,
}

async fn outputs(call: &Call<'_>, bucket: &str, tags: Tags) -> Result<Outputs, ProviderError> {
    let (partition, region) = (&call.connection.account().await?.partition, &call.connection.region);
    let domain = if partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
    Ok(Outputs {
        arn: format!("arn:{partition}:s3:::{bucket}"),
        bucket_domain_name: format!("{bucket}.s3.{domain}"),
        bucket_prefix: String::new(),
        bucket_region: region.clone(),
        bucket_regional_domain_name: format!("{bucket}.s3.{region}.{domain}"),
        object_lock_enabled: false,
        inputs: Inputs { bucket: bucket.to_owned(), tags: Some(tags.clone()) },
        tags_all: tags,
    })
}

/// All tags of the bucket, the deployment's included.
async fn all_tags(call: &Call<'_>, bucket: &str) -> Result<Tags, ProviderError> {
    let request = call.client::<S3Client>().get_bucket_tagging().bucket(bucket);
    let set = match call.send(GET_TAGS, bucket, || request.clone().send()).await {
        Ok(answer) => answer.tag_set,
        Err(error) if error.code.as_deref() == Some(NO_TAGS) => Vec::new(),
        Err(error) => return Err(error),
    };
    Ok(set.into_iter().map(|tag| (tag.key, tag.value)).collect())
}

async fn put_tags(call: &Call<'_>, bucket: &str, tags: &Tags) -> Result<(), ProviderError> {
    if tags.is_empty() {
        return Ok(());
    }
    let set: Vec<Tag> = tags
        .iter()
        .map(|(key, value)| required(Tag::builder().key(key).value(value).build().ok(), "a tag"))
        .collect::<Result<_, _>>()?;
    let tagging = required(Tagging::builder().set_tag_set(Some(set)).build().ok(), "tags")?;
    let request = call.client::<S3Client>().put_bucket_tagging().bucket(bucket).tagging(tagging);
    call.send(PUT_TAGS, bucket, || request.clone().send()).await.map(drop)
}

/// Looks for the bucket itself.
async fn head(call: &Call<'_>, bucket: &str) -> Result<(), ProviderError> {
    call.send(HEAD, bucket, || call.client::<S3Client>().head_bucket().bucket(bucket).send()).await.map(drop)
}

/// S3 gives one answer for somebody else's bucket and for one that the caller may not look at
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html>), so whose it is isn't known.
fn unseen(error: ProviderError, bucket: &str) -> ProviderError {
    if error.kind != ProviderErrorKind::Denied {
        return error;
    }
    let message = format!("whose the bucket {bucket} is can't be seen: {}", error.message);
    let hint = "allow s3:ListBucket on it; if it is another account's, give the component another name";
    ProviderError { message, ..error }.with_hint(hint)
}

/// Whether there is neither an object nor an old version of one.
async fn is_empty(call: &Call<'_>, bucket: &str) -> Result<bool, ProviderError> {
    let request = call.client::<S3Client>().list_object_versions().bucket(bucket).max_keys(1);
    let page = call.send(LIST_VERSIONS, bucket, || request.clone().send()).await?;
    Ok(page.versions().is_empty() && page.delete_markers().is_empty())
}

/// Deletes all objects, with their versions. What was there before versioning was turned on is the version `null`, and goes by
/// that name: without one, a mark would be put over it
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/DeletingObjectVersions.html>).
async fn empty(call: &Call<'_>, bucket: &str) -> Result<(), ProviderError> {
    let s3 = call.client::<S3Client>();
    let mut before = Vec::new();
    loop {
        let page = call.send(LIST_VERSIONS, bucket, || s3.list_object_versions().bucket(bucket).send()).await?;
        let versions = page.versions().iter().map(|one| (one.key(), one.version_id()));
        let all = versions.chain(page.delete_markers().iter().map(|one| (one.key(), one.version_id())));
        let objects: Vec<ObjectIdentifier> = all
            .filter_map(|(key, version)| {
                ObjectIdentifier::builder().key(key?).set_version_id(version.map(str::to_owned)).build().ok()
            })
            .collect();
        let Some(first) = objects.first().map(|object| object.key().to_owned()) else { return Ok(()) };
        if objects == before {
            let message = format!("the bucket {bucket} still lists {first} though it was deleted");
            return Err(call.error(ProviderErrorKind::Refused, message));
        }
        before.clone_from(&objects);
        let delete = required(Delete::builder().set_objects(Some(objects)).quiet(true).build().ok(), "objects")?;
        let request = s3.delete_objects().bucket(bucket).delete(delete);
        let answer = call.send(DELETE_OBJECTS, bucket, || request.clone().send()).await?;
        if let Some(error) = answer.errors().first() {
            let (key, message) = (error.key().unwrap_or_default(), error.message().unwrap_or_default());
            let message = format!("the object {key} of the bucket {bucket} can't be deleted: {message}");
            return Err(ProviderError {
                code: error.code().map(str::to_owned),
                ..call.error(ProviderErrorKind::Refused, message)
            });
        }
    }
}

pub(in crate::adapters::aws) struct Bucket;

#[async_trait]
impl AwsResource for Bucket {
    type Inputs = Inputs;
    type Outputs = Outputs;

    const INFO: &'static ResourceTypeInfo = &ResourceTypeInfo {
        token: "aws:s3/bucket:Bucket",
        replace_on: &["bucket", "bucketPrefix", "region"],
        stable_outputs: &["id", "arn", "bucket", "bucketDomainName", "bucketRegionalDomainName", "region"],
        delete_before_replace: true,
        conflict_input: None,
        conflict_scope: "",
        id_within: &[],
        create: OperationCost::new(&[CallCost { quota: S3, calls: 3 }], 800),
        update: OperationCost::new(&[CallCost { quota: S3, calls: 3 }], 400),
        delete: OperationCost::new(&[CallCost { quota: S3, calls: 3 }], 600),
        read: OperationCost::new(&[CallCost { quota: S3, calls: 2 }], 150),
        equivalent: never_equivalent,
    };
    const SHAPE: Shape = Shape {
        required: &["bucket"],
        identity: &["bucket"],
        generated_id: false,
        files: &[],
        directives: &[("region", Default::Chosen), ("forceDestroy", Default::Flag(false))],
        defaults: &[],
        sensitive: &[],
    };
    const IMPORT: ImportForm = ImportForm::Name("bucket");
    const ADOPTION: AdoptionForm =
        AdoptionForm { former_types: &["aws:s3/bucketV2:BucketV2"], ..AdoptionForm::named("bucket") };

    async fn create(call: &Call<'_>, inputs: &Inputs) -> Result<Remote<Outputs>, ProviderError> {
        let bucket = &inputs.bucket;
        // In us-east-1 CreateBucket succeeds for a bucket that the account has already.
        match head(&call.looking(), bucket).await {
            Err(error) if error.kind == ProviderErrorKind::NotFound => {}
            Ok(()) => {
                let message = format!("the bucket {bucket} is there already");
                return Err(call.error(ProviderErrorKind::AlreadyExists, message));
            }
            Err(error) => return Err(unseen(error, bucket)),
        }
        let region = call.connection.region.as_str();
        let location = (region != "us-east-1").then(|| {
            CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::from(region)).build()
        });
        let request =
            call.client::<S3Client>().create_bucket().bucket(bucket).set_create_bucket_configuration(location);
        call.send(CREATE, bucket, || request.clone().send()).await?;
        put_tags(call, bucket, &call.creation_tags(inputs.tags.as_ref())).await?;
        let outputs = outputs(call, bucket, inputs.tags.clone().unwrap_or_default()).await?;
        Ok(Remote { id: bucket.clone(), outputs })
    }

    async fn read(call: &Call<'_>, id: &str, _inputs: &Inputs) -> Result<Outputs, ProviderError> {
        head(call, id).await?;
        outputs(call, id, tags::found(all_tags(call, id).await?)).await
    }

    async fn update(call: &Call<'_>, id: &str, old: &Inputs, new: &Inputs) -> Result<Outputs, ProviderError> {
        head(call, id).await?;
        let (set, removed) = tags::changes(old.tags.as_ref(), new.tags.as_ref());
        if !set.is_empty() || !removed.is_empty() {
            // The whole set is replaced, so what isn't ours to change, the deployment's tag among it, is carried along.
            let mut all = all_tags(call, id).await?;
            all.extend(set);
            all.retain(|name, _| !removed.contains(name));
            put_tags(call, id, &all).await?;
        }
        outputs(call, id, new.tags.clone().unwrap_or_default()).await
    }

    async fn delete(call: &Call<'_>, id: &str, _inputs: &Inputs) -> Result<(), ProviderError> {
        if call.given.boolean("forceDestroy") == Some(true) {
            empty(call, id).await?;
        }
        call.send(DELETE, id, || call.client::<S3Client>().delete_bucket().bucket(id).send()).await.map(drop)
    }

    async fn find(call: &Call<'_>, inputs: &Inputs) -> Result<Option<(Whose, Remote<Outputs>)>, ProviderError> {
        let bucket = &inputs.bucket;
        match head(call, bucket).await {
            Ok(()) => {}
            Err(error) => return Err(unseen(error, bucket)),
        }
        let tags = all_tags(call, bucket).await?;
        // Tags come with a second call. An empty bucket of this account without any is one that was cut off between the two.
        let whose = match tags.is_empty() {
            true if is_empty(call, bucket).await? => Whose::Ours,
            _ => tags::whose(&tags, call.context),
        };
        let outputs = outputs(call, bucket, tags::found(tags)).await?;
        Ok(Some((whose, Remote { id: bucket.clone(), outputs })))
    }
}
