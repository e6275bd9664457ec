//! States: where they are kept, who else uses them, what is secret in them.

pub mod locks;
pub mod namesake;
pub mod pulumi_made;
pub mod remote_state;
pub mod sealed;
pub mod secrets;
pub mod takeover;
