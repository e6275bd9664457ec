//! Looking into what was deployed.

pub(super) mod invocation;
pub(super) mod recent_output;
