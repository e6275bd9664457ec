//! S3: buckets and objects.

pub(super) mod bucket;
pub(super) mod bucket_object;
