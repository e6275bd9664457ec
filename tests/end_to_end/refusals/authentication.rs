//! Tokens at the gateway: an identity provider of our own signs them, real Node.js makes the keys.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::end_to_end::support::{Project, http, url};

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
        assert_eq!(answer.status().as_u16(), 204, "{path}");
        assert_eq!(answer.headers()["access-control-allow-origin"], "https://semantest.com");
        assert!(answer.headers()["access-control-allow-headers"].to_str().unwrap().contains("authorization"));
    }
    // What only looks a little like that doesn't get to the server either, which would have set cookies.
    let options =
        http().request(reqwest::Method::OPTIONS, format!("{address}/private")).body("x").send().await.unwrap();
    assert_eq!((options.status().as_u16(), options.headers().get("set-cookie")), (204, None));
    let public = http().request(reqwest::Method::OPTIONS, format!("{address}/health")).send().await.unwrap();
    assert_eq!((public.status().as_u16(), public.headers().contains_key("set-cookie")), (200, true));
    project.all("destroy").await;
    assert_eq!(project.inventory().await, Vec::<String>::new());
}

/// A server that sends CORS headers itself hears browsers' questions, which carry no token.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_may_answer_browsers_itself() {
    let provider = Provider::start();
    let project = Project::new(&["web"]).await;
    let auth = format!("auth: {{ jwt: {{ issuer: \"{}\", audience: [semantest] }} }}", provider.issuer);
    project.configure(&[(
        "web",
        &format!("gateway: {{ cors: server, {auth}, routes: [ {{ path: /health, auth: none }} ] }}"),
    )]);
    let address = url(&project.all("deploy").await, "web");
    assert_eq!(http().get(format!("{address}/private")).send().await.unwrap().status().as_u16(), 401);
    let preflight = http()
        .request(reqwest::Method::OPTIONS, format!("{address}/private"))
        .header("origin", "chrome-extension://abcdef")
        .header("access-control-request-method", "GET");
    let answer = preflight.send().await.unwrap();
    // The server sets cookies with every answer of its own.
    assert_eq!((answer.status().as_u16(), answer.headers().contains_key("set-cookie")), (200, true));
    project.all("destroy").await;
    assert_eq!(project.inventory().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_may_ask_for_a_token_of_its_own() {
    let provider = Provider::start();
    let project = Project::new(&["web"]).await;
    let auth =
        |audience: &str| format!("auth: {{ jwt: {{ issuer: \"{}\", audience: [{audience}] }} }}", provider.issuer);
    let configure = |routes: &str| project.configure(&[("web", &format!("gateway: {{ routes: [ {routes} ] }}"))]);
    configure(&format!("{{ path: \"/admin/{{rest+}}\", {} }}", auth("admin")));
    let address = url(&project.all("deploy").await, "web");
    let ask = async |path: &str, token: Option<String>| {
        let request = http().get(format!("{address}{path}"));
        let request = if let Some(token) = token { request.bearer_auth(token) } else { request };
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(ask("/anything", None).await, 200);
    assert_eq!(ask("/admin/users", None).await, 401);
    assert_eq!(ask("/admin/users", Some(provider.token("semantest", 600).await)).await, 401);
    assert_eq!(ask("/admin/users", Some(provider.token("admin", 600).await)).await, 200);

    // Another audience, then no token any more: the authorizer that nothing needs goes.
    configure(&format!("{{ path: \"/admin/{{rest+}}\", {} }}", auth("semantest")));
    project.all("deploy").await;
    assert_eq!(ask("/admin/users", Some(provider.token("admin", 600).await)).await, 401);
    assert_eq!(ask("/admin/users", Some(provider.token("semantest", 600).await)).await, 200);
    configure("{ path: \"/admin/{rest+}\" }");
    project.all("deploy").await;
    assert_eq!(ask("/admin/users", None).await, 200);
    project.all("destroy").await;
    assert_eq!(project.inventory().await, Vec::<String>::new());
}
