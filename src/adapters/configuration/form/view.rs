//! An object of the tree beside its shape: what was written, or what holds where nothing was, read as a type of the domain.

use std::str::FromStr;

use crate::adapters::configuration::document::problem::Problem;
use crate::adapters::configuration::document::tree::{Content, Node};
use crate::adapters::configuration::shape::ObjectShape;
use crate::domain::gateway::cors::Allowed;
use crate::domain::invalid::InvalidValue;
use crate::domain::violation::FieldPath;

/// An object of the tree, its shape and the way to it.
#[derive(Clone)]
pub(in crate::adapters::configuration) struct View<'a> {
    node: Option<&'a Node>,
    shape: &'static ObjectShape,
    pub(in crate::adapters::configuration) path: FieldPath,
    /// What to point at where the object itself isn't there.
    fallback: &'a Node,
}

pub(in crate::adapters::configuration) type Decoded<T> = Result<T, Problem>;

impl<'a> View<'a> {
    pub(in crate::adapters::configuration) fn root(
        node: &'a Node,
        shape: &'static ObjectShape,
        path: FieldPath,
    ) -> Self {
        Self { node: Some(node), shape, path, fallback: node }
    }

    pub(in crate::adapters::configuration) fn field(&self, key: &str) -> Option<&'a Node> {
        self.node?.get(key)
    }

    pub(in crate::adapters::configuration) fn has(&self, key: &str) -> bool {
        self.field(key).is_some_and(|node| node.content != Content::Null)
    }

    pub(in crate::adapters::configuration) fn object(&self, key: &str, shape: &'static ObjectShape) -> Self {
        Self {
            node: self.field(key),
            shape,
            path: self.path.clone().key(key),
            fallback: self.field(key).unwrap_or(self.fallback),
        }
    }

    /// The value of `key` as it was written, or its default.
    pub(in crate::adapters::configuration) fn written(&self, key: &str) -> Option<&'a str> {
        match self.field(key).map(|node| &node.content) {
            Some(Content::Scalar(scalar)) => Some(&scalar.text),
            _ => self.shape.default_of(key),
        }
    }

    pub(in crate::adapters::configuration) fn refuse(&self, key: &str, error: &InvalidValue) -> Problem {
        let node = self.field(key).unwrap_or(self.fallback);
        Problem::invalid(error).in_field(self.path.clone().key(key)).at(node.span, error.what())
    }

    pub(in crate::adapters::configuration) fn refuse_whole(&self, error: &InvalidValue) -> Problem {
        Problem::invalid(error).in_field(&self.path).at(self.fallback.span, error.what())
    }

    pub(in crate::adapters::configuration) fn optional<T: FromStr<Err = InvalidValue>>(
        &self,
        key: &str,
    ) -> Decoded<Option<T>> {
        self.written(key).map(|text| text.parse().map_err(|error| self.refuse(key, &error))).transpose()
    }

    pub(in crate::adapters::configuration) fn required<T: FromStr<Err = InvalidValue>>(&self, key: &str) -> Decoded<T> {
        self.optional(key)?.ok_or_else(|| {
            Problem::new("config/missing-key", format!("the key {key:?} is missing"))
                .in_field(self.path.clone().key(key))
                .at(self.fallback.span, format!("has no {key:?}"))
        })
    }

    pub(in crate::adapters::configuration) fn truth(&self, key: &str) -> bool {
        match self.field(key).map(|node| &node.content) {
            Some(Content::Scalar(scalar)) => scalar.truth() == Some(true),
            _ => self.shape.default_of(key) == Some("true"),
        }
    }

    pub(in crate::adapters::configuration) fn number(&self, key: &str) -> Option<u32> {
        self.written(key).and_then(|text| text.parse().ok())
    }

    /// The items of the list `key`, each read by `read`.
    pub(in crate::adapters::configuration) fn list<T>(
        &self,
        key: &str,
        read: impl Fn(&str) -> Result<T, InvalidValue>,
    ) -> Decoded<Vec<T>> {
        let items = self.field(key).map(Node::items).unwrap_or_default();
        items
            .iter()
            .enumerate()
            .map(|(index, item)| {
                let text = match &item.content {
                    Content::Scalar(scalar) => scalar.text.as_str(),
                    _ => "",
                };
                read(text).map_err(|error| {
                    Problem::invalid(&error)
                        .in_field(self.path.clone().key(key).index(index))
                        .at(item.span, error.what())
                })
            })
            .collect()
    }

    /// The list `key` as what is allowed: `*` stands for everything.
    pub(in crate::adapters::configuration) fn allowed<T: FromStr<Err = InvalidValue> + Ord>(
        &self,
        key: &str,
    ) -> Decoded<Allowed<T>> {
        let items = self.list(key, |text| match text {
            "*" => Ok(None),
            text => text.parse().map(Some),
        })?;
        if items.iter().any(Option::is_none) {
            if items.len() > 1 {
                let node = self.field(key).unwrap_or(self.fallback);
                return Err(Problem::new(
                    "config/contradiction",
                    format!("\"*\" in {key} makes its other items pointless"),
                )
                .in_field(self.path.clone().key(key))
                .at(node.span, "\"*\" and more")
                .with_hint("keep \"*\" alone, or the others"));
            }
            return Ok(Allowed::Any);
        }
        Ok(Allowed::These(items.into_iter().flatten().collect()))
    }
}
