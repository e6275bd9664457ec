//! Names of sealed objects. None ends as a stack's file does that Pulumi would list, and none can be another stack's: what
//! a sealed stack's file ends in is never the end of another kind's.

use crate::store::StackId;
use crate::store::layout::STACKS;

/// What sealed objects end in.
pub(crate) const SEALED: &str = ".sealed";
/// What an object ends in that takes another's place when the key is changed.
pub(in crate::seal) const NEXT: &str = ".next";

impl StackId {
    /// The sealed checkpoint.
    pub(crate) fn sealed_checkpoint(&self) -> String {
        format!("{STACKS}/{}/{}{SEALED}", self.project(), self.stack())
    }

    /// What says which of the stack's sealed objects are the newest.
    pub(crate) fn anchor(&self) -> String {
        format!("{STACKS}/{}/{}.sealed-anchor", self.project(), self.stack())
    }

    /// The sealed tags.
    pub(crate) fn sealed_tags(&self) -> String {
        format!("{STACKS}/{}/{}.sealed-tags", self.project(), self.stack())
    }

    /// The sealed history. Pulumi removes and renames whatever lies in a stack's own folder of histories, when that is a
    /// stack of its own by the same name.
    pub(crate) fn sealed_history(&self) -> String {
        format!(".semantest/sealed-history/{}/{}", self.project(), self.stack())
    }

    /// The sealed backups, for the same reason.
    pub(crate) fn sealed_backups(&self) -> String {
        format!(".semantest/sealed-backups/{}/{}", self.project(), self.stack())
    }

    /// The sealed journal; not in the folder of journals in clear, where its segments could be those of another stack.
    pub(crate) fn sealed_journal(&self) -> String {
        format!(".semantest/sealed-journal/{}/{}", self.project(), self.stack())
    }
}
