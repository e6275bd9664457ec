//! Property values, and what leads into them: paths, and references to outputs.

pub mod property_map;
pub mod property_path;
pub mod reference;
#[expect(clippy::module_inception, reason = "the room is called after what lives in it")]
pub mod value;
