//! The table of clouds: which there are, and the shape of the file with the keys that they add to an environment.

use std::fmt;
use std::sync::OnceLock;

use super::form::fields;
use super::shape::{Field, MapShape, ObjectShape, Shape};
use crate::domain::provider::Provider;
use crate::ports::{CloudFactory, CloudSettings};

/// A cloud of the table.
pub type AnyCloud = &'static dyn CloudFactory;

/// The clouds that a program can deploy to. A program has one table, made once.
pub struct Clouds {
    factories: &'static [AnyCloud],
    root: OnceLock<ObjectShape>,
}

impl fmt::Debug for Clouds {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.iter().map(CloudFactory::provider)).finish()
    }
}

impl Clouds {
    /// The table of these clouds.
    pub const fn new(factories: &'static [AnyCloud]) -> Self {
        Self { factories, root: OnceLock::new() }
    }

    /// The clouds.
    pub fn iter(&self) -> impl Iterator<Item = AnyCloud> + use<> {
        self.factories.iter().copied()
    }

    /// The cloud of that name.
    pub fn find(&self, provider: &Provider) -> Option<AnyCloud> {
        self.iter().find(|cloud| cloud.provider() == *provider)
    }

    /// The cloud, where there is no choice.
    pub fn only(&self) -> Option<AnyCloud> {
        match self.factories {
            [only] => Some(*only),
            _ => None,
        }
    }

    /// The clouds that an environment with this to say lies in: those that it names, else the only one that there is.
    pub fn named(&self, settings: &[(Provider, CloudSettings)]) -> Vec<AnyCloud> {
        match settings {
            [] => self.only().into_iter().collect(),
            _ => settings.iter().filter_map(|(provider, _)| self.find(provider)).collect(),
        }
    }

    /// The shape of the file, with the clouds' keys in each environment.
    pub fn root(&'static self) -> &'static ObjectShape {
        self.root.get_or_init(|| {
            let keys = self.iter().map(|cloud| {
                // What the table says is kept for as long as the table: as long as the program runs.
                let key: &'static str = String::leak(cloud.provider().to_string());
                Field::optional(key, Shape::Object(cloud.settings()), cloud.meaning())
            });
            let keys: Vec<Field> = keys.chain(fields::ENVIRONMENT.fields.iter().copied()).collect();
            let environment = Box::leak(Box::new(with_fields(&fields::ENVIRONMENT, keys)));
            let fields = fields::ROOT.fields.iter().map(|field| match &field.shape {
                Shape::Map(map) if is_environments(map) => {
                    let map = MapShape { keys: map.keys, values: Shape::Object(environment) };
                    Field { shape: Shape::Map(Box::leak(Box::new(map))), ..*field }
                }
                _ => *field,
            });
            with_fields(&fields::ROOT, fields.collect())
        })
    }
}

fn is_environments(map: &MapShape) -> bool {
    matches!(map.values, Shape::Object(object) if std::ptr::eq(object, &fields::ENVIRONMENT))
}

fn with_fields(object: &ObjectShape, fields: Vec<Field>) -> ObjectShape {
    let &ObjectShape { name, description, exactly_one, reserved, .. } = object;
    ObjectShape { name, description, fields: Vec::leak(fields), exactly_one, reserved }
}
