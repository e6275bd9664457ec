//! Keys of clouds that encrypt the data key of a stack's secrets (SPEC.md section 3.4): AWS KMS and Azure Key Vault, by the URLs
//! that Pulumi uses.

mod aws_kms;
mod azure_key_vault;
mod azure_token;
mod url;

use std::future::Future;

use state::{AzureIdentity, KeyError, KeyService, SecretsError};
use zeroize::Zeroizing;

pub use self::azure_key_vault::KeyVault;
pub use self::azure_token::{EntraTokens, TokenSource};
use self::url::KeyUrl;

/// Uses the keys of AWS and Azure.
pub struct CloudKeys {
    vault: KeyVault,
}

impl CloudKeys {
    /// Keys of AWS with the credentials of each URL's profile or else of the environment, and keys of Azure as `identity`.
    pub fn new(identity: Option<AzureIdentity>) -> Self {
        Self::with_vault(KeyVault::new(std::sync::Arc::new(EntraTokens::new(identity))))
    }

    /// As [`CloudKeys::new`], with another access to Azure's keys.
    pub fn with_vault(vault: KeyVault) -> Self {
        Self { vault }
    }

    async fn encrypt_with(&self, url: &str, plaintext: &[u8]) -> Result<Vec<u8>, KeyError> {
        let key = KeyUrl::parse(url)?;
        match key.scheme.as_str() {
            "awskms" => aws_kms::encrypt(&key, plaintext).await,
            "azurekeyvault" => self.vault.encrypt(&key, plaintext).await,
            _ => Err(key.unsupported()),
        }
    }

    async fn decrypt_with(&self, url: &str, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let key = KeyUrl::parse(url)?;
        match key.scheme.as_str() {
            "awskms" => aws_kms::decrypt(&key, ciphertext).await,
            "azurekeyvault" => self.vault.decrypt(&key, ciphertext).await,
            _ => Err(key.unsupported()),
        }
    }
}

impl KeyService for CloudKeys {
    fn encrypt(&self, url: &str, plaintext: &[u8]) -> Result<Vec<u8>, SecretsError> {
        Ok(wait_for(self.encrypt_with(url, plaintext))?)
    }

    fn decrypt(&self, url: &str, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>, SecretsError> {
        Ok(wait_for(self.decrypt_with(url, ciphertext))?)
    }
}

/// Waits for a call. It runs on a thread and runtime of its own: secrets are touched from within asynchronous code, whose
/// threads may not start another runtime, and a runtime of one thread would wait for itself.
fn wait_for<T: Send>(call: impl Future<Output = Result<T, KeyError>> + Send) -> Result<T, KeyError> {
    let failed = |error: std::io::Error| KeyError { message: format!("a call can't be made: {error}"), hint: None };
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
            runtime.block_on(call)
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
