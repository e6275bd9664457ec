//! How the planner sees a recorded resource. A store that keeps its records encoded implements [`Recorded`] and decodes
//! only what is asked for, so that planning a large stack in which nothing changes touches little.

use std::borrow::Cow;
use std::sync::Arc;

use crate::{PropertyMap, ResourceRecord, Urn, Value};

/// Why a record can't be read: it can't be decoded, or one of its secrets can't be decrypted.
pub type RecordError = Box<dyn std::error::Error + Send + Sync>;

/// The marks of a record; see [`ResourceRecord`] for their meaning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordMarks {
    /// A provider manages it.
    pub custom: bool,
    /// Refuse to delete it.
    pub protect: bool,
    /// It is read, not owned.
    pub external: bool,
    /// An old copy that waits to be deleted.
    pub pending_deletion: bool,
    /// It has been deleted and waits for its replacement.
    pub pending_replacement: bool,
    /// Forget it without deleting it in the cloud.
    pub retain_on_delete: bool,
    /// To be replaced by the next deployment (`taint`, SPEC.md section 1.5).
    pub tainted: bool,
    /// Made, but not healthy.
    pub has_init_errors: bool,
}

/// A recorded resource. No method has a default: whoever wraps one and forgets to hand one on would answer in its place.
pub trait Recorded {
    /// Its name.
    fn urn(&self) -> &Urn;

    /// Its marks.
    fn marks(&self) -> RecordMarks;

    /// Its id in the cloud.
    fn id(&self) -> Option<&str>;

    /// The URN of the resource that it belongs to.
    fn parent(&self) -> Option<&str>;

    /// Calls `visit` with the URN of each resource that it depends on (`dependencies`).
    fn for_each_dependency(&self, visit: &mut dyn FnMut(&str));

    /// The URN of the resource whose deletion takes this one along, so that it needs no delete of its own.
    fn deleted_with(&self) -> Option<&str>;

    /// Calls `visit` with the URN of each resource that it refers to in yet other ways: as what single inputs depend on
    /// (`propertyDependencies`), or as what it is replaced with (`replaceWith`). Asked only when something is removed.
    fn for_each_other_reference(&self, visit: &mut dyn FnMut(&str));

    /// The URN of the provider resource that manages it: it goes last.
    fn provider(&self) -> Option<&str>;

    /// Whether another program made it, as far as it says itself. What belongs to something is of whoever made that: ask
    /// [`Ownership`](crate::Ownership).
    fn is_foreign(&self) -> bool;

    /// Its inputs, secrets decrypted.
    ///
    /// # Errors
    /// When they can't be decoded or decrypted.
    fn inputs(&self) -> Result<Cow<'_, PropertyMap>, RecordError>;

    /// One output, by names of properties from the outermost inwards (never `["id"]`, which [`Recorded::id`] answers);
    /// `None` when there is no such output.
    ///
    /// # Errors
    /// When it can't be decoded or decrypted.
    fn output(&self, path: &[String]) -> Result<Option<Value>, RecordError>;

    /// The whole record. Asked only for resources that something happens to.
    ///
    /// # Errors
    /// When it can't be decoded or decrypted.
    fn to_record(&self) -> Result<Arc<ResourceRecord>, RecordError>;
}

impl Recorded for ResourceRecord {
    fn urn(&self) -> &Urn {
        &self.urn
    }

    fn marks(&self) -> RecordMarks {
        RecordMarks {
            custom: self.custom,
            protect: self.protect,
            external: self.external,
            pending_deletion: self.pending_deletion,
            pending_replacement: self.pending_replacement,
            retain_on_delete: self.retain_on_delete,
            tainted: false,
            has_init_errors: !self.init_errors.is_empty(),
        }
    }

    fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    fn parent(&self) -> Option<&str> {
        self.parent.as_ref().map(Urn::as_str)
    }

    fn for_each_dependency(&self, visit: &mut dyn FnMut(&str)) {
        self.dependencies.iter().for_each(|urn| visit(urn.as_str()));
    }

    fn deleted_with(&self) -> Option<&str> {
        None
    }

    fn for_each_other_reference(&self, visit: &mut dyn FnMut(&str)) {
        self.property_dependencies.iter().flat_map(|(_, urns)| urns).for_each(|urn| visit(urn.as_str()));
    }

    fn provider(&self) -> Option<&str> {
        Some(self.provider.as_deref()?.rsplit_once("::")?.0)
    }

    fn is_foreign(&self) -> bool {
        false
    }

    fn inputs(&self) -> Result<Cow<'_, PropertyMap>, RecordError> {
        Ok(Cow::Borrowed(&self.inputs))
    }

    fn output(&self, path: &[String]) -> Result<Option<Value>, RecordError> {
        Ok(self.outputs.get_path(path).cloned())
    }

    fn to_record(&self) -> Result<Arc<ResourceRecord>, RecordError> {
        Ok(Arc::new(self.clone()))
    }
}

macro_rules! through_a_pointer {
    ($($pointer:ty),*) => {$(
        impl<R: Recorded + ?Sized> Recorded for $pointer {
            fn urn(&self) -> &Urn {
                (**self).urn()
            }
            fn marks(&self) -> RecordMarks {
                (**self).marks()
            }
            fn id(&self) -> Option<&str> {
                (**self).id()
            }
            fn parent(&self) -> Option<&str> {
                (**self).parent()
            }
            fn for_each_dependency(&self, visit: &mut dyn FnMut(&str)) {
                (**self).for_each_dependency(visit)
            }
            fn deleted_with(&self) -> Option<&str> {
                (**self).deleted_with()
            }
            fn for_each_other_reference(&self, visit: &mut dyn FnMut(&str)) {
                (**self).for_each_other_reference(visit)
            }
            fn provider(&self) -> Option<&str> {
                (**self).provider()
            }
            fn is_foreign(&self) -> bool {
                (**self).is_foreign()
            }
            fn inputs(&self) -> Result<Cow<'_, PropertyMap>, RecordError> {
                (**self).inputs()
            }
            fn output(&self, path: &[String]) -> Result<Option<Value>, RecordError> {
                (**self).output(path)
            }
            fn to_record(&self) -> Result<Arc<ResourceRecord>, RecordError> {
                (**self).to_record()
            }
        }
    )*};
}

through_a_pointer!(&R, Arc<R>, Box<R>);
