//! Buckets and containers: how the client of each is set up.

mod azure;
mod s3;
pub(super) mod transport;

use std::sync::Arc;

use object_store::ObjectStore;

use super::access::StoreAccess;
use super::url::{AzureUrl, S3Url};
use crate::error::Result;

pub(super) fn open_s3(url: &S3Url, access: &StoreAccess) -> Result<Arc<dyn ObjectStore>> {
    s3::open(url, access.s3.as_ref())
}

pub(super) fn open_azure(url: &AzureUrl, access: &StoreAccess) -> Result<Arc<dyn ObjectStore>> {
    azure::open(url, &access.azure)
}
