//! What the state of stacks needs of AWS: its bucket, and keys for its secrets.

pub(super) mod bucket;
pub(super) mod kms;
