//! The resource types, one module each, and the table that finds them by token.

mod alias;
mod api;
mod authorizer;
mod bucket;
mod bucket_object;
mod function;
mod function_reference;
mod integration;
mod log_group;
mod permission;
mod role;
mod role_policy;
mod route;
mod stage;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::connection::Connection;
use super::managed::{AwsResource, Managed};
use crate::ports::ResourceProvider;

/// All resource types by token.
pub(super) fn all(connection: &Arc<Connection>) -> BTreeMap<&'static str, Arc<dyn ResourceProvider>> {
    fn entry<R: AwsResource>(connection: &Arc<Connection>) -> (&'static str, Arc<dyn ResourceProvider>) {
        (R::INFO.token, Managed::<R>::provider(connection))
    }
    [
        entry::<alias::Alias>(connection),
        entry::<api::Api>(connection),
        entry::<authorizer::Authorizer>(connection),
        entry::<bucket::Bucket>(connection),
        entry::<bucket_object::BucketObject>(connection),
        entry::<function::Function>(connection),
        entry::<integration::Integration>(connection),
        entry::<log_group::LogGroup>(connection),
        entry::<permission::Permission>(connection),
        entry::<role::Role>(connection),
        entry::<role_policy::RolePolicy>(connection),
        entry::<route::Route>(connection),
        entry::<stage::Stage>(connection),
    ]
    .into()
}
