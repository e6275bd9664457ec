//! How a deployment is told while it goes on: a live tree on a terminal, plain lines elsewhere, a stream of JSON for
//! machines. All of them are projections of the same events.

mod chosen;
mod event_stream;
mod format;
mod live;
mod plain;
mod tree;

pub use chosen::Progress;
pub use event_stream::EventStream;
pub use format::{bytes, duration, mark, past, plural, progressive};
pub use live::LiveProgress;
pub use plain::{PlainProgress, event_line, notice_line, planned};
pub use tree::component_of;

#[cfg(test)]
pub mod testing {
    //! A deployment to be told.

    pub use super::plain::tests::{story, urn};
}
