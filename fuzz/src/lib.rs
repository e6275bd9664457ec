//! What the targets do with a file's content: read it, and where it can be read, hold what is made of it against the rules
//! of the readers and writers. Whatever a content is, it is read or refused; nothing panics, and nothing is lost on the way.

mod journals;
mod settings;
mod states;

pub use journals::journal;
pub use settings::settings;
pub use states::{checkpoint, export};
