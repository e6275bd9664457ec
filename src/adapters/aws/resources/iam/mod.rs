//! IAM: roles and their policies.

pub(super) mod role;
pub(super) mod role_policy;
