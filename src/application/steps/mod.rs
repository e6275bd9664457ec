//! Carrying out the steps of a plan: each through its gate to the cloud, and its end as an event with the record of what is
//! there now.

pub(super) mod apply;
pub mod calls;
pub mod default_provider;
pub(super) mod executor;
pub(super) mod gate;
pub(super) mod ownership;
pub(super) mod records;
