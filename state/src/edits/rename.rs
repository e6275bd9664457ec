//! Giving a resource another name.

use resource_graph::Urn;

use super::EditError;
use crate::model::deployment::Deployment;
use crate::secrets::Crypter;

impl Deployment {
    /// Gives a resource another name, which all that refers to it follows. Says its new URN; nothing when it is the old one.
    ///
    /// # Errors
    /// When the resource isn't there, another has the name, or a value with references can't be read.
    pub fn rename_resource(&mut self, urn: &Urn, name: &str, crypter: &dyn Crypter) -> Result<Option<Urn>, EditError> {
        if name.is_empty() || name.chars().any(char::is_control) {
            return Err(EditError::InvalidName { name: name.to_owned() });
        }
        let place = self.only_places(std::slice::from_ref(urn))?;
        if place.iter().any(|place| self.resources[*place].is_root()) {
            return Err(EditError::RenamesRoot);
        }
        let text = format!("urn:pulumi:{}::{}::{}::{name}", urn.stack(), urn.project(), urn.qualified_type());
        let new = Urn::parse(&text).map_err(|_| EditError::InvalidName { name: name.to_owned() })?;
        if new == *urn {
            return Ok(None);
        }
        if !self.places(&new).is_empty() {
            return Err(EditError::NameTaken { urn: new });
        }
        self.rename_urns(&|other| (other == urn).then(|| new.clone()), crypter)?;
        Ok(Some(new))
    }
}
