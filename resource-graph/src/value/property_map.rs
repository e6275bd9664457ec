//! A compact ordered map from property names to values.
//!
//! Stacks hold tens of thousands of small maps; a sorted vector takes a fraction of a tree's memory and keeps the byte
//! order of keys that states are written in.

use std::sync::Arc;

use crate::Value;

/// Properties by name, in byte order of the names.
#[derive(Clone, Default, PartialEq)]
pub struct PropertyMap(Vec<(Arc<str>, Value)>);

impl PropertyMap {
    /// An empty map.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    fn position(&self, name: &str) -> Result<usize, usize> {
        // Keys arrive in order when a state is read, so the end is looked at first.
        match self.0.last() {
            Some((last, _)) if &**last < name => Err(self.0.len()),
            _ => self.0.binary_search_by(|(key, _)| (**key).cmp(name)),
        }
    }

    /// The value of a property.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.position(name).ok().map(|index| &self.0[index].1)
    }

    /// The value of a property, to be changed in place.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Value> {
        self.position(name).ok().map(|index| &mut self.0[index].1)
    }

    /// Whether the property is there.
    pub fn contains_key(&self, name: &str) -> bool {
        self.position(name).is_ok()
    }

    /// Sets a property and returns what it was before.
    pub fn insert(&mut self, name: impl Into<Arc<str>>, value: impl Into<Value>) -> Option<Value> {
        let (name, value) = (name.into(), value.into());
        match self.position(&name) {
            Ok(index) => Some(std::mem::replace(&mut self.0[index].1, value)),
            Err(index) => {
                self.0.insert(index, (name, value));
                None
            }
        }
    }

    /// Removes a property and returns what it was.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        self.position(name).ok().map(|index| self.0.remove(index).1)
    }

    /// The number of properties.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no property.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The properties in byte order of their names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> + DoubleEndedIterator {
        self.0.iter().map(|(name, value)| (&**name, value))
    }

    /// The properties in order, values to be changed in place.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&str, &mut Value)> {
        self.0.iter_mut().map(|(name, value)| (&**name, value))
    }

    /// The names in byte order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| &**name)
    }

    /// The values in order of their names.
    pub fn values(&self) -> impl Iterator<Item = &Value> {
        self.0.iter().map(|(_, value)| value)
    }

    /// Keeps the properties for which `keep` says so.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &Value) -> bool) {
        self.0.retain(|(name, value)| keep(name, value));
    }

    /// A map of the same names, shared with this one, whose values are all null.
    pub(crate) fn clone_names(&self) -> Self {
        Self(self.0.iter().map(|(name, _)| (Arc::clone(name), Value::Null)).collect())
    }

    /// Gives back memory that growing the map reserved.
    pub fn shrink_to_fit(&mut self) {
        self.0.shrink_to_fit();
    }

    /// A property that is a string (secret or not).
    pub fn string(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// A property that is a number.
    pub fn number(&self, name: &str) -> Option<f64> {
        self.get(name).and_then(Value::as_number)
    }

    /// A property that is a boolean.
    pub fn boolean(&self, name: &str) -> Option<bool> {
        self.get(name).and_then(Value::as_bool)
    }

    /// A property that is a map.
    pub fn map(&self, name: &str) -> Option<&PropertyMap> {
        self.get(name).and_then(Value::as_map)
    }

    /// A property that is a list.
    pub fn list(&self, name: &str) -> Option<&[Value]> {
        self.get(name).and_then(Value::as_list)
    }
}

impl std::fmt::Debug for PropertyMap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<K: Into<Arc<str>>, V: Into<Value>> FromIterator<(K, V)> for PropertyMap {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(items: I) -> Self {
        let mut map = Self::new();
        for (name, value) in items {
            map.insert(name, value);
        }
        map
    }
}

impl IntoIterator for PropertyMap {
    type Item = (Arc<str>, Value);
    type IntoIter = std::vec::IntoIter<(Arc<str>, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<K: Into<Arc<str>>, V: Into<Value>, const N: usize> From<[(K, V); N]> for PropertyMap {
    fn from(items: [(K, V); N]) -> Self {
        items.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kept_in_byte_order_whatever_the_order_of_insertion() {
        let map: PropertyMap = [("b", 1.0), ("a", 2.0), ("B", 3.0), ("b", 4.0)].into_iter().collect();
        assert_eq!(map.keys().collect::<Vec<_>>(), ["B", "a", "b"]);
        assert_eq!(map.number("b"), Some(4.0));
        assert_eq!(map.get("c"), None);
    }

    #[test]
    fn removing_leaves_the_others() {
        let mut map: PropertyMap = [("a", 1.0), ("b", 2.0)].into_iter().collect();
        assert_eq!(map.remove("a"), Some(Value::Number(1.0)));
        assert_eq!(map.remove("a"), None);
        assert_eq!(map.len(), 1);
    }
}
