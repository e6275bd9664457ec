//! What all resource types share: properties, tags, ids for imports, ARNs, and the frame that makes a provider of a type.

pub(super) mod arn;
pub(super) mod cors;
pub(super) mod import_form;
pub(super) mod managed;
pub(super) mod pages;
pub(super) mod policy_document;
pub(super) mod properties;
pub(super) mod tags;
