//! Tokens at the gateway: an identity provider of our own signs them, real Node.js makes the keys.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::support::{Project, http, url};

/// Publishes its keys as an OpenID provider does, and hands out tokens at `/token?audience=…&expires=…`.
const PROVIDER: &str = r#"
const http = require('http'), crypto = require('crypto');
const { publicKey, privateKey } = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'k1', use: 'sig', alg: 'RS256' };
const encode = value => Buffer.from(JSON.stringify(value)).toString('base64url');
const server = http.createServer((request, response) => {
  const address = `http://127.0.0.1:${server.address().port}`, asked = new URL(request.url, address);
  const json = value => { response.setHeader('content-type', 'application/json'); response.end(JSON.stringify(value)); };
  if (asked.pathname.endsWith('/openid-configuration')) return json({ issuer: address, jwks_uri: `${address}/jwks.json` });
  if (asked.pathname.endsWith('jwks.json')) return json({ keys: [jwk] });
  const now = Math.floor(Date.now() / 1000);
  const body = `${encode({ alg: 'RS256', kid: 'k1', typ: 'JWT' })}.${encode({ iss: address, sub: 'somebody',
    aud: asked.searchParams.get('audience'), iat: now - 60, nbf: now - 60, exp: now + Number(asked.searchParams.get('expires')) })}`;
  response.end(`${body}.${crypto.createSign('RSA-SHA256').update(body).sign(privateKey, 'base64url')}`);
}).listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.on('close', () => process.exit()).resume();
"#;

struct Provider {
    child: Child,
    issuer: String,
}

impl Provider {
    fn start() -> Self {
        // It ends when its input does: with this process, whatever happens to that.
        let mut child = Command::new("node")
            .args(["-e", PROVIDER])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Node.js is on the PATH");
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Self { child, issuer: format!("http://127.0.0.1:{}", port.trim()) }
    }

    async fn token(&self, audience: &str, expires: i32) -> String {
        let url = format!("{}/token?audience={audience}&expires={expires}", self.issuer);
        http().get(url).send().await.unwrap().text().await.unwrap()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_bearers_of_a_good_token_get_in() {
    let provider = Provider::start();
    let project = Project::new(&["web"]).await;
    project.configure(&[(
        "web",
        &format!(
            "gateway: {{ cors: {{ origins: [\"https://semantest.com\"], methods: [GET], headers: [authorization] }}, auth: {{ jwt: {{ issuer: \"{}\", audience: [semantest] }} }}, routes: [ {{ path: /health, auth: none }} ] }}",
            provider.issuer
        ),
    )]);
    let address = url(&project.all("deploy").await, "web");
    let ask = |path: &'static str, token: Option<String>| {
        let mut request = http().get(format!("{address}{path}"));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        async move { request.send().await.unwrap().status().as_u16() }
    };
    assert_eq!(ask("/health", None).await, 200);
    assert_eq!(ask("/private", None).await, 401);
    assert_eq!(ask("/private", Some("not.a.token".into())).await, 401);
    assert_eq!(ask("/private", Some(provider.token("semantest", 600).await)).await, 200);
    assert_eq!(ask("/private", Some(provider.token("others", 600).await)).await, 401);
    assert_eq!(ask("/private", Some(provider.token("semantest", -30).await)).await, 401);
    // Browsers send no token along when they ask whether they may.
    for path in ["/", "/private"] {
        let preflight = http()
            .request(reqwest::Method::OPTIONS, format!("{address}{path}"))
            .header("origin", "https://semantest.com")
            .header("access-control-request-method", "GET")
            .header("access-control-request-headers", "authorization");
        let answer = preflight.send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        assert_eq!(answer.headers()["access-control-allow-origin"], "https://semantest.com");
    }
    project.all("destroy").await;
    assert_eq!(project.inventory().await, Vec::<String>::new());
}
