//! A project as it is in one environment.

use super::Component;
use crate::domain::invalid::InvalidValue;
use crate::domain::names::ProjectName;

/// A project as it is in one environment: its name and its components, each name once, in the
/// order of the names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    name: ProjectName,
    components: Vec<Component>,
}

impl Project {
    /// A project of these components.
    ///
    /// # Errors
    /// When two components have the same name.
    pub fn new(name: ProjectName, components: Vec<Component>) -> Result<Self, InvalidValue> {
        let mut components = components;
        components.sort_by(|a, b| a.name().cmp(b.name()));
        if let Some(pair) = components.windows(2).find(|pair| pair[0].name() == pair[1].name()) {
            return Err(InvalidValue::contradiction(
                "list of components",
                format!("two components are called {}", pair[0].name()),
            ));
        }
        Ok(Self { name, components })
    }

    /// The project's name.
    pub fn name(&self) -> &ProjectName {
        &self.name
    }

    /// Its components in the order of their names.
    pub fn components(&self) -> &[Component] {
        &self.components
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::component::testing::rest_api;

    #[test]
    fn a_project_has_each_component_once() {
        let component = rest_api("api");
        let name: ProjectName = "semantest".parse().unwrap();
        assert!(Project::new(name.clone(), vec![component.clone(), component.clone()]).is_err());
        assert_eq!(Project::new(name, vec![component]).unwrap().components().len(), 1);
    }
}
