"""Requests to HTTP APIs and the events that they become: where the patched MiniStack should behave as AWS does.
Arguments: the endpoint of a MiniStack, an account."""

import base64
import hmac
import http.client
import http.server
import io
import json
import threading
import time
import urllib.parse
import zipfile

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from cloud import ACCOUNT, ENDPOINT, Case, client, main, make_function, name, package, settle


CORS = {
    "AllowOrigins": ["https://semantest.com"],
    "AllowMethods": ["GET", "POST"],
    "AllowHeaders": ["authorization", "content-type"],
    "MaxAge": 3600,
    "AllowCredentials": True,
}


class Requests(Case):
    """The data plane of an HTTP API in front of a function's alias."""

    @classmethod
    def setUpClass(cls):
        cls.issuer = Issuer()
        functions, cls.apis = client("lambda"), client("apigatewayv2")
        function, arn = make_function(functions, Code={"ZipFile": package("old")})
        functions.publish_version(FunctionName=function)
        functions.update_function_code(FunctionName=function, ZipFile=package("new"), Publish=True)
        settle(functions, function)
        functions.create_alias(FunctionName=function, Name="live", FunctionVersion="1")
        cls.function, cls.functions = function, functions
        cls.api = cls.apis.create_api(Name=function, ProtocolType="HTTP", CorsConfiguration=CORS)["ApiId"]
        cls.permit("live")
        integration = cls.apis.create_integration(
            ApiId=cls.api, IntegrationType="AWS_PROXY", IntegrationUri=arn + ":live", PayloadFormatVersion="2.0"
        )["IntegrationId"]
        jwt = cls.apis.create_authorizer(
            ApiId=cls.api,
            AuthorizerType="JWT",
            Name="jwt",
            IdentitySource=["$request.header.Authorization"],
            JwtConfiguration={"Audience": ["semantest"], "Issuer": cls.issuer.url},
        )["AuthorizerId"]
        target = f"integrations/{integration}"
        for key in ("$default", "GET /things/{id}", "ANY /rest/{proxy+}"):
            cls.apis.create_route(ApiId=cls.api, RouteKey=key, Target=target)
        cls.apis.create_route(
            ApiId=cls.api, RouteKey="GET /private", Target=target, AuthorizationType="JWT", AuthorizerId=jwt
        )
        cls.apis.create_route(
            ApiId=cls.api,
            RouteKey="GET /scoped",
            Target=target,
            AuthorizationType="JWT",
            AuthorizerId=jwt,
            AuthorizationScopes=["things:read"],
        )
        cls.apis.create_stage(
            ApiId=cls.api, StageName="$default", AutoDeploy=True, StageVariables={"stage": "variable"}
        )
        cls.apis.create_stage(ApiId=cls.api, StageName="beta", AutoDeploy=True)

    @classmethod
    def permit(cls, qualifier, path="*"):
        source = f"arn:aws:execute-api:us-east-1:{ACCOUNT}:{cls.api}/{path}"
        cls.functions.add_permission(
            FunctionName=cls.function,
            Qualifier=qualifier,
            StatementId=name("api"),
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
            SourceArn=source,
        )

    @classmethod
    def tearDownClass(cls):
        cls.issuer.stop()

    def ask(self, method, path, headers=(), body=None, stage="$default"):
        url = urllib.parse.urlsplit(ENDPOINT)
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
        connection.putrequest(method, f"/_aws/execute-api/{self.api}/{stage}{path}", skip_accept_encoding=True)
        for key, value in headers:
            connection.putheader(key, value)
        if body is not None:
            connection.putheader("content-length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, answer, content

    def event(self, *arguments, **more):
        status, _, content = self.ask(*arguments, **more)
        self.assertEqual(status, 200, content)
        return json.loads(content)["event"]

    def test_the_alias_decides_which_version_runs(self):
        status, _, content = self.ask("GET", "/")
        self.assertEqual((status, json.loads(content)["version"], json.loads(content)["text"]), (200, "1", "old"))

    def test_an_event_has_aws_form(self):
        event = self.event(
            "POST",
            "/a%20b/%C3%A4?x=1&x=2&empty=&y=a%2Cb%20c",
            headers=[
                ("Cookie", "a=1; b=2"),
                ("X-Twice", "one"),
                ("X-Twice", "two"),
                ("User-Agent", "tests"),
                ("Content-Type", "application/json"),
            ],
            body=b'{"a":1}',
        )
        self.assertEqual((event["version"], event["routeKey"]), ("2.0", "$default"))
        self.assertEqual(event["rawPath"], "/a b/ä")
        self.assertEqual(event["rawQueryString"], "x=1&x=2&empty=&y=a%2Cb%20c")
        self.assertEqual(event["queryStringParameters"], {"x": "1,2", "empty": "", "y": "a,b c"})
        self.assertEqual(event["cookies"], ["a=1", "b=2"])
        self.assertNotIn("cookie", event["headers"])
        self.assertEqual(event["headers"]["x-twice"], "one,two")
        self.assertEqual(
            (event["headers"]["user-agent"], event["headers"]["content-type"], event["headers"]["content-length"]),
            ("tests", "application/json", "7"),
        )
        self.assertEqual((event["body"], event["isBase64Encoded"]), ('{"a":1}', False))
        self.assertEqual(event["stageVariables"], {"stage": "variable"})
        context = event["requestContext"]
        self.assertEqual(
            (context["accountId"], context["apiId"], context["stage"], context["routeKey"]),
            (ACCOUNT, self.api, "$default", "$default"),
        )
        self.assertEqual(
            (
                context["http"]["method"],
                context["http"]["path"],
                context["http"]["protocol"],
                context["http"]["userAgent"],
            ),
            ("POST", "/a b/ä", "HTTP/1.1", "tests"),
        )
        self.assertTrue(
            context["requestId"]
            and context["http"]["sourceIp"]
            and context["time"]
            and context["timeEpoch"]
            and context["domainName"]
            and context["domainPrefix"]
        )

    def test_what_is_not_there_is_left_out(self):
        event = self.event("GET", "/")
        for key in ("queryStringParameters", "cookies", "body", "pathParameters"):
            self.assertNotIn(key, event)
        self.assertEqual((event["rawQueryString"], event["isBase64Encoded"]), ("", False))

    def test_binary_bodies_are_encoded_both_ways(self):
        event = self.event("POST", "/", headers=[("content-type", "application/octet-stream")], body=b"\x00\xff\x01")
        self.assertEqual((event["body"], event["isBase64Encoded"]), (base64.b64encode(b"\x00\xff\x01").decode(), True))
        status, answer, content = self.ask("GET", "/binary")
        self.assertEqual((status, content, answer.headers["content-type"]), (200, b"\x00\xff\x01", "image/png"))

    def test_cookies_of_the_answer_are_set_one_by_one(self):
        status, answer, content = self.ask("GET", "/cookies")
        self.assertEqual((status, content, answer.headers["x-kept"]), (201, b"made", "yes"))
        self.assertEqual(answer.headers.get_all("set-cookie"), ["a=1; Path=/", "b=2"])

    def test_parameters_of_the_path(self):
        event = self.event("GET", "/things/a%20b")
        self.assertEqual((event["routeKey"], event["pathParameters"]), ("GET /things/{id}", {"id": "a b"}))
        event = self.event("PUT", "/rest/a/b")
        self.assertEqual((event["routeKey"], event["pathParameters"]), ("ANY /rest/{proxy+}", {"proxy": "a/b"}))

    def test_a_named_stage_is_part_of_the_path(self):
        event = self.event("GET", "/things/1", stage="beta")
        self.assertEqual(
            (event["rawPath"], event["requestContext"]["stage"], event["requestContext"]["http"]["path"]),
            ("/beta/things/1", "beta", "/beta/things/1"),
        )
        self.assertNotIn("stageVariables", event)

    def test_preflights_are_answered_by_the_gateway(self):
        headers = [("Origin", "https://semantest.com"), ("Access-Control-Request-Method", "POST")]
        api, self.api = self.api, self.cors_api()
        try:
            self.serve("GET /things/{id}", "exports.handler = async () => ({ statusCode: 418 })")
            self.preflights("/things/1", headers, 204)
            # The status is the function's where a route takes the request.
            self.serve("ANY /any", "exports.handler = async () => ({ statusCode: 418 })")
            self.preflights("/any", headers, 418)
        finally:
            self.api = api

    def preflights(self, path, headers, expected):
        status, answer, content = self.ask("OPTIONS", path, headers=headers)
        self.assertEqual((status, content), (expected, b""))
        self.assertEqual(answer.headers["access-control-allow-origin"], "https://semantest.com")
        self.assertEqual(answer.headers["access-control-allow-credentials"], "true")
        self.assertEqual(answer.headers["access-control-max-age"], "3600")
        self.assertEqual(
            sorted(answer.headers["access-control-allow-methods"].replace(" ", "").split(",")), ["GET", "POST"]
        )
        self.assertEqual(
            sorted(answer.headers["access-control-allow-headers"].replace(" ", "").split(",")),
            ["authorization", "content-type"],
        )
        status, answer, _ = self.ask(
            "OPTIONS",
            path,
            headers=[("Origin", "https://elsewhere.com"), ("Access-Control-Request-Method", "POST")],
        )
        self.assertEqual((status, answer.headers["access-control-allow-origin"]), (expected, None))

    def test_preflights_of_a_route_with_an_authorizer_are_refused_as_other_requests_are(self):
        headers = [("Origin", "https://semantest.com"), ("Access-Control-Request-Method", "POST")]
        api, self.api = self.api, self.cors_api()
        try:
            jwt = self.apis.create_authorizer(
                ApiId=self.api,
                AuthorizerType="JWT",
                Name="jwt",
                IdentitySource=["$request.header.Authorization"],
                JwtConfiguration={"Audience": ["semantest"], "Issuer": self.issuer.url},
            )["AuthorizerId"]
            source = "exports.handler = async () => ({ statusCode: 418 })"
            self.serve("$default", source, route={"AuthorizationType": "JWT", "AuthorizerId": jwt})
            status, answer, content = self.ask("OPTIONS", "/x", headers=headers)
            self.assertEqual((status, json.loads(content)), (401, {"message": "Unauthorized"}))
            self.serve("OPTIONS /{proxy+}", source)
            self.assertEqual(self.ask("OPTIONS", "/x", headers=headers)[0], 418)
            self.assertEqual(self.ask("GET", "/x", headers=headers)[0], 401)
        finally:
            self.api = api

    def test_answers_get_the_headers_of_the_policy(self):
        status, answer, _ = self.ask("GET", "/", headers=[("Origin", "https://semantest.com")])
        self.assertEqual((status, answer.headers["access-control-allow-origin"]), (200, "https://semantest.com"))

    def test_tokens(self):
        for headers in (
            [],
            [("Authorization", "Bearer nonsense")],
            [("Authorization", "Bearer " + self.issuer.token(aud="other"))],
            [("Authorization", "Bearer " + self.issuer.token(exp=time.time() - 900))],
            [("Authorization", "Bearer " + self.issuer.token(iss="https://else.example"))],
            [("Authorization", "Bearer " + self.issuer.forged())],
        ):
            status, answer, content = self.ask("GET", "/private", headers=headers)
            self.assertEqual((status, json.loads(content)), (401, {"message": "Unauthorized"}), headers)
        event = self.event("GET", "/private", headers=[("Authorization", "Bearer " + self.issuer.token())])
        jwt = event["requestContext"]["authorizer"]["jwt"]
        self.assertEqual((jwt["claims"]["sub"], jwt["claims"]["aud"], jwt["scopes"]), ("user", "semantest", None))
        status, _, content = self.ask("GET", "/scoped", headers=[("Authorization", "Bearer " + self.issuer.token())])
        self.assertEqual((status, json.loads(content)), (403, {"message": "Forbidden"}))
        event = self.event(
            "GET", "/scoped", headers=[("Authorization", "Bearer " + self.issuer.token(scope="things:read other"))]
        )
        self.assertEqual(event["requestContext"]["authorizer"]["jwt"]["scopes"], ["things:read"])

    def test_what_is_not_served_is_not_found(self):
        api = self.apis.create_api(Name="empty", ProtocolType="HTTP")["ApiId"]
        self.apis.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
        whole, self.api = self.api, api
        try:
            status, _, content = self.ask("GET", "/x")
        finally:
            self.api = whole
        self.assertEqual((status, json.loads(content)), (404, {"message": "Not Found"}))

    def cors_api(self):
        """An API without routes, whose CORS policy is the other one's."""
        api = self.apis.create_api(Name=name("cors"), ProtocolType="HTTP", CorsConfiguration=CORS)["ApiId"]
        self.apis.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
        return api

    def serve(self, key, source, route=None, **change):
        """A route to a function of its own."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("index.js", source)
        function, arn = make_function(self.functions, Code={"ZipFile": buffer.getvalue()})
        self.functions.add_permission(
            FunctionName=function,
            StatementId="api",
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
        )
        integration = self.apis.create_integration(
            ApiId=self.api, IntegrationType="AWS_PROXY", IntegrationUri=arn, PayloadFormatVersion="2.0", **change
        )["IntegrationId"]
        self.apis.create_route(ApiId=self.api, RouteKey=key, Target=f"integrations/{integration}", **(route or {}))

    def test_a_failing_function_is_an_internal_server_error(self):
        self.serve("GET /fails", 'exports.handler = async () => { throw new Error("secret") }')
        status, _, content = self.ask("GET", "/fails")
        self.assertEqual((status, json.loads(content)), (500, {"message": "Internal Server Error"}))
        self.serve("GET /teapot", 'exports.handler = async () => ({ statusCode: 418, body: "its own" })')
        status, _, content = self.ask("GET", "/teapot")
        self.assertEqual((status, content), (418, b"its own"))

    def test_a_slow_function_is_given_up(self):
        self.serve(
            "GET /slow",
            "exports.handler = () => new Promise((resolve) => setTimeout(resolve, 2500, {}))",
            TimeoutInMillis=200,
        )
        status, _, content = self.ask("GET", "/slow")
        self.assertEqual((status, json.loads(content)), (503, {"message": "Service Unavailable"}))

    def test_cross_origin_headers_are_the_gateways_alone(self):
        self.serve(
            "GET /own-cors",
            'exports.handler = async () => ({ statusCode: 200, headers: { "access-control-allow-origin": "*" }, body: "" })',
        )
        status, answer, _ = self.ask("GET", "/own-cors", headers=[("Origin", "https://elsewhere.com")])
        self.assertEqual((status, answer.headers["access-control-allow-origin"]), (200, None))

    def test_without_cors_options_reaches_the_function(self):
        api, self.api = self.api, self.apis.create_api(Name=name("own"), ProtocolType="HTTP")["ApiId"]
        try:
            self.apis.create_stage(ApiId=self.api, StageName="$default", AutoDeploy=True)
            self.serve("$default", "exports.handler = async (event) => ({ event })")
            event = self.event(
                "OPTIONS",
                "/x",
                headers=[("Origin", "https://semantest.com"), ("Access-Control-Request-Method", "POST")],
            )
            self.assertEqual(event["requestContext"]["http"]["method"], "OPTIONS")
        finally:
            self.api = api

    def test_a_function_must_permit_the_call(self):
        self.functions.create_alias(FunctionName=self.function, Name="closed", FunctionVersion="1")
        arn = self.functions.get_alias(FunctionName=self.function, Name="closed")["AliasArn"]
        integration = self.apis.create_integration(
            ApiId=self.api, IntegrationType="AWS_PROXY", IntegrationUri=arn, PayloadFormatVersion="2.0"
        )["IntegrationId"]
        self.apis.create_route(ApiId=self.api, RouteKey="GET /closed/{id}", Target=f"integrations/{integration}")
        refused = (500, b'{"message":"Internal Server Error"}')
        self.assertEqual(self.ask("GET", "/closed/1")[::2], refused)
        self.permit("closed", path="*/POST/closed/*")
        self.assertEqual(self.ask("GET", "/closed/1")[::2], refused)
        self.permit("closed", path="*/*/closed/{id}")
        self.assertEqual(self.ask("GET", "/closed/1")[0], 200)
        arn = arn.replace(":closed", ":gone")
        self.apis.update_integration(ApiId=self.api, IntegrationId=integration, IntegrationUri=arn)
        self.assertEqual(self.ask("GET", "/closed/1")[::2], refused)


class Issuer:
    """An OpenID provider on the loopback interface."""

    def __init__(self):
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = json.dumps(issuer.document(self.path)).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def document(self, path):
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.url, "jwks_uri": self.url + "/keys"}
        numbers = self.key.public_key().public_numbers()
        number = lambda value: encode(value.to_bytes((value.bit_length() + 7) // 8, "big"))
        return {
            "keys": [
                {
                    "kid": "one",
                    "kty": "RSA",
                    "alg": "RS256",
                    "use": "sig",
                    "n": number(numbers.n),
                    "e": number(numbers.e),
                }
            ]
        }

    def token(self, **claims):
        now = time.time()
        claims = {"iss": self.url, "aud": "semantest", "sub": "user", "iat": int(now), "exp": int(now + 600), **claims}
        text = encode(json.dumps({"alg": "RS256", "kid": "one"}).encode()) + "." + encode(json.dumps(claims).encode())
        return text + "." + encode(self.key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))

    def forged(self):
        head, claims, _ = self.token().split(".")
        return ".".join([head, claims, encode(hmac.digest(b"guess", b"x", "sha256") * 8)])


def encode(content):
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


if __name__ == "__main__":
    main()
