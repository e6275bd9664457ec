//! The cloud manager: values are encrypted with a data key, and the data key with a key that never leaves its cloud
//! (SPEC.md section 3.4). The cloud is called once in a run, when the first secret is touched, and never for single values.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use super::symmetric::OnceKey;
use super::{
    Crypter, DerivedKey, KeyService, SecretsAccess, SecretsError, SecretsManager, SecretsProvider, SymmetricKey,
};

/// The kinds of keys that this program can use, by the schemes of their URLs.
const AWS_KMS: &str = "awskms";
const AZURE_KEY_VAULT: &str = "azurekeyvault";

/// A cloud manager.
pub struct CloudSecrets {
    url: String,
    encrypted_key: String,
    wrapped: Vec<u8>,
    keys: Arc<dyn KeyService>,
    /// The URL that is called, where it isn't `url`.
    key_override: Option<String>,
    key: OnceKey,
}

impl fmt::Debug for CloudSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloudSecrets").field("url", &self.url).finish_non_exhaustive()
    }
}

impl CloudSecrets {
    /// Opens a manager by the URL of its key and its encrypted data key, in base64 as the state and `Pulumi.<stack>.yaml`
    /// hold it. Nothing is called yet.
    ///
    /// # Errors
    /// [`SecretsError::UnsupportedKey`] for URLs of other clouds; [`SecretsError::BadDataKey`].
    pub fn open(url: &str, encrypted_key: &str, access: &SecretsAccess) -> Result<Self, SecretsError> {
        check_url(url)?;
        let bad = |what| SecretsError::BadDataKey { url: url.to_owned(), what };
        let bytes = STANDARD.decode(encrypted_key.trim()).map_err(|_| bad("it isn't base64"))?;
        if bytes.is_empty() {
            return Err(bad("it is empty"));
        }
        // Key Vault's are wrapped twice; some were written without (pulumi/pulumi#15329).
        let wrapped = match scheme(url) {
            AZURE_KEY_VAULT => URL_SAFE_NO_PAD.decode(&bytes).unwrap_or(bytes),
            _ => bytes,
        };
        Ok(Self {
            url: url.to_owned(),
            encrypted_key: encrypted_key.trim().to_owned(),
            wrapped,
            keys: Arc::clone(&access.keys),
            key_override: access.key_override.clone(),
            key: OnceKey::default(),
        })
    }

    /// Makes a manager with a new data key. Calls the cloud once.
    ///
    /// # Errors
    /// [`SecretsError::UnsupportedKey`]; when the cloud's key can't be used, or the system gives no random numbers.
    pub fn create(url: &str, access: &SecretsAccess) -> Result<Self, SecretsError> {
        check_url(url)?;
        let mut data_key = Zeroizing::new([0; 32]);
        SystemRandom::new().fill(&mut *data_key).map_err(|_| SecretsError::Encrypt("no random numbers to be had"))?;
        let called = access.key_override.as_deref().unwrap_or(url);
        check_url(called)?;
        let wrapped = access.keys.encrypt(called, &*data_key)?;
        let encrypted_key = match scheme(url) {
            AZURE_KEY_VAULT => STANDARD.encode(URL_SAFE_NO_PAD.encode(wrapped)),
            _ => STANDARD.encode(wrapped),
        };
        let secrets = Self::open(url, &encrypted_key, access)?;
        let cipher = SymmetricKey::new(&data_key);
        secrets.key.set(DerivedKey::from_zeroizing(data_key), cipher);
        Ok(secrets)
    }

    /// The URL of the key, as `Pulumi.<stack>.yaml` (`secretsprovider`) and the state hold it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The encrypted data key, as `Pulumi.<stack>.yaml` (`encryptedkey`) and the state hold it.
    pub fn encrypted_key(&self) -> &str {
        &self.encrypted_key
    }

    fn opened(&self) -> Result<&(DerivedKey, SymmetricKey), SecretsError> {
        self.key.get_or_try_init(|| {
            let called = self.key_override.as_deref().unwrap_or(&self.url);
            check_url(called)?;
            let decrypted = self.keys.decrypt(called, &self.wrapped)?;
            let mut data_key = Zeroizing::new([0; 32]);
            if decrypted.len() != data_key.len() {
                let what = "what it decrypts to isn't 32 bytes long";
                return Err(SecretsError::BadDataKey { url: called.to_owned(), what });
            }
            data_key.copy_from_slice(&decrypted);
            let cipher = SymmetricKey::new(&data_key);
            Ok((DerivedKey::from_zeroizing(data_key), cipher))
        })
    }
}

impl Crypter for CloudSecrets {
    fn encrypt(&self, plaintext: &str) -> Result<String, SecretsError> {
        self.opened()?.1.encrypt(plaintext)
    }

    fn decrypt(&self, ciphertext: &str) -> Result<Zeroizing<String>, SecretsError> {
        self.opened()?.1.decrypt(ciphertext)
    }
}

impl SecretsManager for CloudSecrets {
    fn provider(&self) -> SecretsProvider {
        SecretsProvider::cloud(&self.url, &self.encrypted_key)
    }

    fn stack_key(&self) -> Result<DerivedKey, SecretsError> {
        Ok(self.opened()?.0.clone())
    }
}

fn scheme(url: &str) -> &str {
    url.split_once("://").map_or("", |(scheme, _)| scheme)
}

/// Checks that a URL is of a cloud whose keys this program can use, and names a key.
///
/// # Errors
/// [`SecretsError::UnsupportedKey`]
pub(super) fn check_url(url: &str) -> Result<(), SecretsError> {
    let names_key =
        url.split_once("://").is_some_and(|(_, rest)| !rest.split('?').next().unwrap_or_default().is_empty());
    match scheme(url) {
        AWS_KMS | AZURE_KEY_VAULT if names_key => Ok(()),
        _ => Err(SecretsError::UnsupportedKey { url: url.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::secrets::{KeyError, NoKeys, Passphrase};

    const KMS: &str = "awskms://alias/shop?region=eu-west-1";
    const VAULT: &str = "azurekeyvault://shop.vault.azure.net/keys/state";

    /// "Encrypts" by turning each byte around and putting the URL in front; counts calls.
    #[derive(Default)]
    struct Mirror(AtomicUsize);

    impl KeyService for Mirror {
        fn encrypt(&self, url: &str, plaintext: &[u8]) -> Result<Vec<u8>, SecretsError> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(url.bytes().chain([0]).chain(plaintext.iter().map(|byte| !byte)).collect())
        }

        fn decrypt(&self, url: &str, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>, SecretsError> {
            self.0.fetch_add(1, Ordering::Relaxed);
            let refused = || SecretsError::Key(KeyError { message: "another key".to_owned(), hint: None });
            let rest = ciphertext.strip_prefix(url.as_bytes()).and_then(|rest| rest.strip_prefix(&[0]));
            Ok(Zeroizing::new(rest.ok_or_else(refused)?.iter().map(|byte| !byte).collect()))
        }
    }

    fn access() -> (Arc<Mirror>, SecretsAccess) {
        let mirror = Arc::new(Mirror::default());
        let never = Arc::new(|| -> Result<Passphrase, SecretsError> { Err(SecretsError::NoPassphrase) });
        (Arc::clone(&mirror), SecretsAccess::new(never, mirror))
    }

    #[test]
    fn the_cloud_is_called_once_and_only_when_a_secret_is_touched() {
        for url in [KMS, VAULT] {
            let (_, creating) = access();
            let created = CloudSecrets::create(url, &creating).unwrap();
            let ciphertext = created.encrypt("text").unwrap();
            let (mirror, access) = access();
            let opened = created.provider().open(&access).unwrap();
            assert_eq!(mirror.0.load(Ordering::Relaxed), 0);
            for _ in 0..3 {
                assert_eq!(*opened.decrypt(&ciphertext).unwrap(), "text");
                opened.encrypt("other").unwrap();
            }
            assert_eq!(mirror.0.load(Ordering::Relaxed), 1, "{url}");
            assert_eq!(opened.stack_key().unwrap().expose(), created.stack_key().unwrap().expose());
            assert_eq!(opened.provider(), created.provider());
        }
    }

    #[test]
    fn the_framing_is_pulumis() {
        let (_, access) = access();
        let kms = CloudSecrets::create(KMS, &access).unwrap();
        assert!(STANDARD.decode(kms.encrypted_key()).unwrap().starts_with(KMS.as_bytes()));
        let vault = CloudSecrets::create(VAULT, &access).unwrap();
        let text = STANDARD.decode(vault.encrypted_key()).unwrap();
        let wrapped = URL_SAFE_NO_PAD.decode(&text).unwrap();
        assert!(wrapped.starts_with(VAULT.as_bytes()));
        // One that was wrapped once only.
        let once = CloudSecrets::open(VAULT, &STANDARD.encode(&wrapped), &access).unwrap();
        assert_eq!(once.stack_key().unwrap().expose(), vault.stack_key().unwrap().expose());
    }

    #[test]
    fn an_override_is_called_but_not_recorded() {
        let (_, plain) = access();
        let by_override = SecretsAccess { key_override: Some(KMS.to_owned()), ..plain.clone() };
        let recorded = format!("{KMS}&profile=dev");
        let created = CloudSecrets::create(&recorded, &by_override).unwrap();
        assert_eq!(created.url(), recorded);
        let key = created.encrypted_key();
        assert!(CloudSecrets::open(&recorded, key, &by_override).unwrap().stack_key().is_ok());
        assert!(matches!(CloudSecrets::open(&recorded, key, &plain).unwrap().stack_key(), Err(SecretsError::Key(_))));
    }

    #[test]
    fn what_cant_be_opened_is_refused_by_name() {
        let (_, access) = access();
        for (url, word) in [
            ("gcpkms://projects/p/locations/l/keyRings/r/cryptoKeys/k", "gcpkms"),
            ("hashivault://key", "hashivault"),
            ("awskms://", "awskms"),
            ("shop", "shop"),
        ] {
            let error = CloudSecrets::open(url, "AAAA", &access).unwrap_err();
            assert!(matches!(&error, SecretsError::UnsupportedKey { .. }), "{error}");
            assert!(error.to_string().contains(word) && error.hint().unwrap().contains("awskms://"), "{error}");
            assert!(CloudSecrets::create(url, &access).is_err());
        }
        for key in ["", "***"] {
            assert!(matches!(CloudSecrets::open(KMS, key, &access), Err(SecretsError::BadDataKey { .. })), "{key}");
        }
        let short = SecretsAccess { keys: Arc::new(Short), ..access.clone() };
        let error = CloudSecrets::open(KMS, "AAAA", &short).unwrap().encrypt("x").unwrap_err();
        assert!(error.to_string().contains("32 bytes"), "{error}");
        let none = SecretsAccess { keys: Arc::new(NoKeys), ..access };
        assert!(CloudSecrets::create(KMS, &none).unwrap_err().to_string().contains(KMS));
    }

    struct Short;

    impl KeyService for Short {
        fn encrypt(&self, _: &str, _: &[u8]) -> Result<Vec<u8>, SecretsError> {
            Ok(vec![1])
        }

        fn decrypt(&self, _: &str, _: &[u8]) -> Result<Zeroizing<Vec<u8>>, SecretsError> {
            Ok(Zeroizing::new(vec![1]))
        }
    }
}
