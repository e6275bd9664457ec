//! Where calls come from and go to, in the words of error messages.

use crate::ports::ProviderError;

/// Where calls come from and go to, in the words of error messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::adapters::aws) struct Origin {
    pub(in crate::adapters::aws) region: String,
    pub(in crate::adapters::aws) profile: Option<String>,
    pub(in crate::adapters::aws) endpoint: Option<String>,
}

impl Origin {
    /// Whose credentials are used.
    pub(in crate::adapters::aws) fn credentials(&self) -> String {
        match &self.profile {
            Some(profile) => format!("profile '{profile}'"),
            None => "the environment".to_owned(),
        }
    }

    /// The answer to credentials that weren't found, before anything was called.
    pub(in crate::adapters::aws) fn without_credentials(&self, error: ProviderError) -> ProviderError {
        // The chain ends with the machine's own role: what it says there is of no help to anybody else.
        let message = match &self.profile {
            Some(profile) => format!("the profile '{profile}' gives no credentials: {}", error.message),
            None => "no credentials: neither the environment nor the default profile nor this machine has any for AWS"
                .to_owned(),
        };
        ProviderError { message, ..error }
    }

    /// What is called.
    pub(in crate::adapters::aws) fn target(&self) -> String {
        match &self.endpoint {
            Some(endpoint) => format!("the endpoint {endpoint}"),
            None => format!("AWS in {}", self.region),
        }
    }
}
