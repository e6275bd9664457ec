//! The deployment's event stream as its journal: the order of events, intents before calls, and settling what was cut off.

pub(super) mod dispatcher;
pub(super) mod intent;
pub(super) mod recovery;
