//! A resource of the state as the planner sees it: decoded only as far as it is asked for.

use std::borrow::Cow;
use std::sync::Arc;

use resource_graph::{PropertyMap, RecordError, RecordMarks, Recorded, ResourceRecord, Urn, Value};
use state::{Deployment, Resource, ValueDecoder};

use super::ownership;
use super::secrets::StackSecrets;

/// One resource of a state that is shared by all of them.
pub struct StateResource {
    deployment: Arc<Deployment>,
    index: usize,
    secrets: Arc<StackSecrets>,
}

impl StateResource {
    /// The resource at a place of the state.
    pub fn new(deployment: Arc<Deployment>, index: usize, secrets: Arc<StackSecrets>) -> Self {
        Self { deployment, index, secrets }
    }

    fn resource(&self) -> &Resource {
        &self.deployment.resources[self.index]
    }

    fn decoder(&self) -> ValueDecoder<'_> {
        ValueDecoder::revealing(self.secrets.as_ref())
    }
}

impl Recorded for StateResource {
    fn urn(&self) -> &Urn {
        &self.resource().urn
    }

    fn marks(&self) -> RecordMarks {
        let resource = self.resource();
        RecordMarks {
            custom: resource.custom,
            protect: resource.protect,
            external: resource.external,
            pending_deletion: resource.delete,
            pending_replacement: resource.pending_replacement,
            retain_on_delete: resource.retain_on_delete,
            tainted: resource.rare().taint,
            has_init_errors: !resource.rare().init_errors.is_empty(),
        }
    }

    fn id(&self) -> Option<&str> {
        self.resource().id.as_deref()
    }

    fn parent(&self) -> Option<&str> {
        self.resource().parent.as_ref().map(Urn::as_str)
    }

    fn for_each_dependency(&self, visit: &mut dyn FnMut(&str)) {
        self.resource().dependencies.iter().for_each(|urn| visit(urn.as_str()));
    }

    fn deleted_with(&self) -> Option<&str> {
        self.resource().rare().deleted_with.as_ref().map(Urn::as_str)
    }

    fn for_each_other_reference(&self, visit: &mut dyn FnMut(&str)) {
        self.resource().for_each_other_reference(visit);
    }

    fn provider(&self) -> Option<&str> {
        Some(self.resource().provider.as_deref()?.rsplit_once("::")?.0)
    }

    fn is_foreign(&self) -> bool {
        !self.resource().is_root() && !ownership::is_marked(self.resource())
    }

    fn inputs(&self) -> Result<Cow<'_, PropertyMap>, RecordError> {
        Ok(Cow::Owned(self.decoder().properties(&self.resource().inputs)?))
    }

    fn output(&self, path: &[String]) -> Result<Option<Value>, RecordError> {
        let Some((first, rest)) = path.split_first() else { return Ok(None) };
        let Some(value) = self.decoder().property(&self.resource().outputs, first)? else { return Ok(None) };
        if rest.is_empty() {
            return Ok(Some(value));
        }
        let holder = PropertyMap::from([(first.as_str(), value)]);
        Ok(holder.get_path(path).cloned())
    }

    fn to_record(&self) -> Result<Arc<ResourceRecord>, RecordError> {
        Ok(Arc::new(self.resource().to_record(&self.decoder())?))
    }
}
