//! `azurekeyvault://`, with a server that does what a vault does: RSA-OAEP-256 under a key of its own.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use semantest_iac::adapters::keys::{CloudKeys, KeyVault, TokenSource};
use state::{CloudSecrets, Crypter, KeyService, Passphrase, SecretsAccess, SecretsError, SecretsManager};
use zeroize::Zeroizing;

const SERVER: &str = r#"
const http = require('node:http');
const crypto = require('node:crypto');
const keys = { state: crypto.generateKeyPairSync('rsa', { modulusLength: 2048 }),
               other: crypto.generateKeyPairSync('rsa', { modulusLength: 2048 }) };
const answer = (response, status, body) => {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
};
const refuse = (response, status, code, message) => answer(response, status, { error: { code, message } });
http.createServer((request, response) => {
  const chunks = [];
  request.on('data', chunk => chunks.push(chunk));
  request.on('end', () => {
    const url = new URL(request.url, 'http://vault');
    const [, kind, name, ...rest] = url.pathname.split('/');
    const token = request.headers.authorization;
    if (url.searchParams.get('api-version') !== '7.4') return refuse(response, 400, 'BadParameter', 'no version');
    if (token === 'Bearer forbidden') return refuse(response, 403, 'Forbidden', 'Caller is not authorized');
    if (token !== 'Bearer good') return refuse(response, 401, 'Unauthorized', 'AKV10032: Invalid issuer');
    if (kind !== 'keys' || !keys[name]) return refuse(response, 404, 'KeyNotFound', `A key with name ${name} was not found`);
    const { alg, value } = JSON.parse(Buffer.concat(chunks));
    if (alg !== 'RSA-OAEP-256') return refuse(response, 400, 'BadParameter', `no algorithm ${alg}`);
    const data = Buffer.from(value, 'base64url');
    const options = { padding: crypto.constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' };
    try {
      const done = rest.at(-1) === 'encrypt'
        ? crypto.publicEncrypt({ key: keys[name].publicKey, ...options }, data)
        : crypto.privateDecrypt({ key: keys[name].privateKey, ...options }, data);
      answer(response, 200, { kid: `https://shop.vault.azure.net/keys/${name}/1`, value: done.toString('base64url') });
    } catch { refuse(response, 400, 'BadParameter', 'The parameter is incorrect.'); }
  });
}).listen(0, '127.0.0.1', function () { console.log(this.address().port); });
process.stdin.on('close', () => process.exit()).resume();
"#;

const URL: &str = "azurekeyvault://shop.vault.azure.net/keys/state";

/// The server, which ends with this value, and with this process however that ends.
struct Vault {
    child: Child,
    endpoint: String,
}

impl Vault {
    fn start() -> Self {
        let mut command = Command::new("node");
        command.args(["-e", SERVER]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("node is there");
        let mut port = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut port).unwrap();
        Self { child, endpoint: format!("http://127.0.0.1:{}", port.trim()) }
    }

    fn access(&self, token: &'static str) -> SecretsAccess {
        let _ = rustls::crypto::ring::default_provider().install_default();
        access(self.endpoint.clone(), token)
    }
}

impl Drop for Vault {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn access(endpoint: String, token: &'static str) -> SecretsAccess {
    let vault = KeyVault::new(Arc::new(Token(token))).at(endpoint);
    let never = Arc::new(|| -> Result<Passphrase, SecretsError> { Err(SecretsError::NoPassphrase) });
    SecretsAccess::new(never, Arc::new(CloudKeys::with_vault(vault)))
}

struct Token(&'static str);

#[async_trait]
impl TokenSource for Token {
    async fn token(&self, scope: &str) -> Result<Zeroizing<String>, String> {
        assert_eq!(scope, "https://vault.azure.net/.default");
        match self.0 {
            "" => Err("nobody is logged in".to_owned()),
            token => Ok(Zeroizing::new(token.to_owned())),
        }
    }
}

#[test]
fn a_data_key_goes_through_a_vault_and_back() {
    let vault = Vault::start();
    let access = vault.access("good");
    let created = CloudSecrets::create(URL, &access).unwrap();
    let ciphertext = created.encrypt("hunter2").unwrap();
    // Pulumi's framing: base64 of base64url of what RSA gave.
    let wrapped = URL_SAFE_NO_PAD.decode(STANDARD.decode(created.encrypted_key()).unwrap()).unwrap();
    assert_eq!(wrapped.len(), 256);
    let opened = created.provider().open(&access).unwrap();
    assert_eq!(&*opened.decrypt(&ciphertext).unwrap(), "hunter2");
    // With a version in the URL, and wrapped once only.
    let versioned = CloudSecrets::open(&format!("{URL}/0a1b"), &STANDARD.encode(&wrapped), &access).unwrap();
    assert_eq!(&*versioned.decrypt(&ciphertext).unwrap(), "hunter2");
}

#[tokio::test]
async fn it_works_from_within_a_runtime_of_one_thread() {
    let vault = Vault::start();
    let created = CloudSecrets::create(URL, &vault.access("good")).unwrap();
    assert!(created.stack_key().is_ok());
}

#[test]
fn refusals_say_which_key_what_the_vault_said_and_what_to_do() {
    let vault = Vault::start();
    let good = vault.access("good");
    let key = CloudSecrets::create(URL, &good).unwrap().encrypted_key().to_owned();
    let told = |url: &str, access: &SecretsAccess| {
        let error = CloudSecrets::open(url, &key, access).unwrap().stack_key().unwrap_err();
        let hint = error.hint().unwrap_or_default();
        (error.to_string(), hint)
    };
    let other = URL.replace("/state", "/other");
    let missing = URL.replace("/state", "/nothing");
    for (url, access, message, advice) in [
        (&*other, &good, "The parameter is incorrect", "another key"),
        (&*missing, &good, "KeyNotFound", "names of vault and key"),
        (&*format!("{URL}?algorithm=RSA1_5"), &good, "no algorithm RSA1_5", "algorithm"),
        (URL, &vault.access("forbidden"), "Caller is not authorized", "allow 'decrypt'"),
        (URL, &vault.access("bad"), "AKV10032", "tenant"),
        (URL, &vault.access(""), "nobody is logged in", "az login"),
    ] {
        let (error, hint) = told(url, access);
        assert!(error.contains(message) && error.contains(url), "{error}");
        assert!(hint.contains(advice), "{hint}");
    }
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nowhere = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let (error, hint) = told(URL, &access(nowhere.clone(), "good"));
    assert!(error.contains("refused") && hint.contains(&nowhere), "{error}: {hint}");
}

#[test]
fn keys_of_other_clouds_are_refused() {
    let keys = CloudKeys::new(None);
    let error = keys.encrypt("gcpkms://projects/p/k", b"x").unwrap_err();
    assert!(error.to_string().contains("gcpkms"), "{error}");
}
