//! Keys of Azure Key Vault: `azurekeyvault://<vault>.vault.azure.net/keys/<key>[/<version>]?algorithm=RSA-OAEP-256`
//! (<https://learn.microsoft.com/rest/api/keyvault/keys/encrypt/encrypt>).

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use state::KeyError;
use zeroize::{Zeroize as _, Zeroizing};

use super::azure_token::{TokenSource, http_client};
use super::url::KeyUrl;
use crate::adapters::causes::innermost;

const API_VERSION: &str = "7.4";
const DEFAULT_ALGORITHM: &str = "RSA-OAEP-256";
/// The domains of vaults in all of Azure's clouds. Our token is given to these alone, whatever a file says.
const DOMAINS: [&str; 7] = [
    "vault.azure.net",
    "vault.azure.cn",
    "vault.usgovcloudapi.net",
    "vault.microsoftazure.de",
    "managedhsm.azure.net",
    "managedhsm.azure.cn",
    "managedhsm.usgovcloudapi.net",
];
/// An answer that doesn't come in this time is given up.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// Access to vaults.
pub struct KeyVault {
    tokens: Arc<dyn TokenSource>,
    /// What is called in the place of every vault.
    endpoint: Option<String>,
}

#[derive(Serialize)]
struct Request<'a> {
    alg: &'a str,
    value: &'a str,
}

#[derive(Deserialize)]
struct Answer {
    value: String,
}

#[derive(Deserialize)]
struct Refusal {
    error: Reason,
}

#[derive(Deserialize)]
struct Reason {
    code: String,
    message: String,
}

/// The parts of a key's URL.
struct VaultKey<'a> {
    domain: &'static str,
    host: &'a str,
    key: &'a str,
    algorithm: &'a str,
}

impl KeyVault {
    /// Access with these tokens.
    pub fn new(tokens: Arc<dyn TokenSource>) -> Self {
        Self { tokens, endpoint: None }
    }

    /// Calls this URL in the place of every vault: a server that stands for them.
    #[must_use]
    pub fn at(self, endpoint: String) -> Self {
        Self { endpoint: Some(endpoint), ..self }
    }

    pub(super) async fn encrypt(&self, url: &KeyUrl, plaintext: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.call(url, "encrypt", plaintext).await.map(|mut answer| std::mem::take(&mut *answer))
    }

    pub(super) async fn decrypt(&self, url: &KeyUrl, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        self.call(url, "decrypt", ciphertext).await
    }

    async fn call(&self, url: &KeyUrl, operation: &str, value: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let key = VaultKey::of(url)?;
        let token = self.tokens.token(&format!("https://{}/.default", key.domain)).await.map_err(|error| {
            let hint = "set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, or log in with `az login`";
            url.failed(format!("there is no token for Azure: {error}"), Some(hint.to_owned()))
        })?;
        let base = self.endpoint.clone().unwrap_or_else(|| format!("https://{}", key.host));
        let place = format!("{}/{}/{operation}?api-version={API_VERSION}", base.trim_end_matches('/'), key.key);
        let value = Zeroizing::new(URL_SAFE_NO_PAD.encode(value));
        let request = Request { alg: key.algorithm, value: &value };
        let body = serde_json::to_vec(&request).map_err(|error| url.failed(error, None))?;
        let client = http_client().map_err(|error| url.failed(error, None))?;
        let sent = client
            .post(place)
            .bearer_auth(&*token)
            .header("content-type", "application/json")
            .timeout(ANSWER_TIMEOUT)
            .body(body)
            .send();
        let unreachable = |error: reqwest::Error| {
            let what = if error.is_timeout() { "no answer in time".to_owned() } else { innermost(&error) };
            url.failed(what, Some(format!("check that {base} can be reached from here, then run the command again")))
        };
        let answer = sent.await.map_err(unreachable)?;
        let status = answer.status();
        let bytes = Zeroizing::new(answer.bytes().await.map_err(unreachable)?.to_vec());
        if !status.is_success() {
            return Err(refused(url, &key, operation, status.as_u16(), &bytes));
        }
        let Answer { mut value } = serde_json::from_slice(&bytes)
            .map_err(|_| url.failed(format!("{base} doesn't answer as a vault does"), None))?;
        let decoded = URL_SAFE_NO_PAD.decode(value.trim_end_matches('='));
        value.zeroize();
        decoded.map(Zeroizing::new).map_err(|_| url.failed("the vault's answer isn't base64", None))
    }
}

impl<'a> VaultKey<'a> {
    fn of(url: &'a KeyUrl) -> Result<Self, KeyError> {
        let form = "write azurekeyvault://<vault>.vault.azure.net/keys/<key>[/<version>]";
        let bad = |what: &str| url.failed(what, Some(form.to_owned()));
        let (host, key) = url.path.split_once('/').ok_or_else(|| bad("it names no key"))?;
        let is_vault =
            |domain: &&&str| host.strip_suffix(**domain).is_some_and(|vault| vault.len() > 1 && vault.ends_with('.'));
        let domain = DOMAINS.iter().find(is_vault).ok_or_else(|| bad("its host is not that of a vault"))?;
        let parts: Vec<&str> = key.split('/').collect();
        let is_name =
            |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !(matches!(parts.as_slice(), ["keys", _] | ["keys", _, _]) && parts.iter().all(is_name)) {
            return Err(bad("it names no key"));
        }
        let mut algorithm = DEFAULT_ALGORITHM;
        for (name, value) in &url.parameters {
            match name.as_str() {
                "algorithm" => algorithm = value,
                name => return Err(url.unknown_parameter(name, "algorithm")),
            }
        }
        Ok(Self { domain, host, key, algorithm })
    }
}

fn refused(url: &KeyUrl, key: &VaultKey<'_>, operation: &str, status: u16, body: &[u8]) -> KeyError {
    let what = match serde_json::from_slice::<Refusal>(body) {
        Ok(Refusal { error }) => format!("{} ({})", error.message.trim(), error.code),
        Err(_) => format!("HTTP status {status}"),
    };
    let hint = match status {
        401 => Some("log in to the tenant of the vault".to_owned()),
        403 => Some(format!(
            "allow '{operation}' on keys of {} (role 'Key Vault Crypto User'), and access from this network",
            key.host
        )),
        404 => Some("check the names of vault and key".to_owned()),
        400 => Some("the data key was encrypted with another key or version, or the algorithm is another".to_owned()),
        _ => None,
    };
    url.failed(what, hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_vaults_are_given_a_token() {
        let domain = |text: &str| VaultKey::of(&KeyUrl::parse(text).unwrap()).map(|key| key.domain);
        assert_eq!(domain("azurekeyvault://shop.vault.azure.net/keys/state").unwrap(), "vault.azure.net");
        assert_eq!(domain("azurekeyvault://h.managedhsm.azure.net/keys/k/0a").unwrap(), "managedhsm.azure.net");
        for text in [
            "azurekeyvault://evil.example.com/keys/k",
            "azurekeyvault://evilvault.azure.net/keys/k",
            "azurekeyvault://vault.azure.net/keys/k",
            "azurekeyvault://a.vault.azure.net@evil.com/keys/k",
            "azurekeyvault://a.vault.azure.net/secrets/k",
            "azurekeyvault://a.vault.azure.net/keys",
            "azurekeyvault://a.vault.azure.net/keys/..",
            "azurekeyvault://a.vault.azure.net",
            "azurekeyvault://a.vault.azure.net/keys/k?algoritm=x",
        ] {
            assert!(domain(text).is_err(), "{text}");
        }
    }
}
