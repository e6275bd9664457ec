//! Resources: what identifies one, what is wanted, what is recorded, what its type says.

pub mod ownership;
pub mod recorded;
#[expect(clippy::module_inception, reason = "the room is called after what lives in it")]
pub mod resource;
pub mod resource_type;
pub mod urn;
