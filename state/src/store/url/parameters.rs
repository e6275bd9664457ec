//! The parameters of a store's URL: each is taken out by whoever knows it, and what is left is refused with the names of
//! those that there are.

use super::Invalid;

/// The parameters after the `?`.
pub(super) struct Parameters {
    given: Vec<(String, String)>,
    known: Vec<&'static str>,
}

impl Parameters {
    pub fn parse(query: &str) -> Self {
        let given = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Self { given, known: Vec::new() }
    }

    /// Takes a parameter; the last counts when it is there twice, and an empty one is none.
    pub fn text(&mut self, name: &'static str) -> Option<String> {
        self.known.push(name);
        let mut found = None;
        self.given.retain(|(key, value)| {
            let is_it = key == name;
            if is_it {
                found = Some(value.clone());
            }
            !is_it
        });
        found.filter(|value| !value.is_empty())
    }

    /// Takes a parameter that is true or false, in any of the forms that Pulumi reads.
    pub fn flag(&mut self, name: &'static str) -> Result<Option<bool>, Invalid> {
        match self.text(name).as_deref() {
            None => Ok(None),
            Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(Some(true)),
            Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(Some(false)),
            Some(value) => Err(Invalid::new(format!("its parameter '{name}' can be true or false, not '{value}'"))),
        }
    }

    /// Takes the first of several names of the same parameter.
    pub fn flag_of(&mut self, names: [&'static str; 2]) -> Result<Option<bool>, Invalid> {
        let [first, second] = [self.flag(names[0])?, self.flag(names[1])?];
        Ok(first.or(second))
    }

    /// Takes parameters that ask for nothing that matters here.
    pub fn ignore(&mut self, names: &[&'static str]) {
        for name in names {
            self.text(name);
        }
    }

    /// Refuses what is left.
    pub fn end(self) -> Result<(), Invalid> {
        match self.given.first() {
            None => Ok(()),
            Some((name, _)) => Err(Invalid::new(format!("there is no parameter '{name}'"))
                .with_hint(format!("the parameters of this kind of store are {}", self.known.join(", ")))),
        }
    }
}
