"""The control plane of HTTP APIs, and what is found by its tags: where the patched MiniStack should behave as AWS does.
Arguments: the endpoint of a MiniStack, an account."""

from cloud import ACCOUNT, Case, client, main, make_function, name


class HttpApis(Case):
    @classmethod
    def setUpClass(cls):
        cls.apis = client("apigatewayv2")

    def api(self, **more):
        return self.apis.create_api(Name=name("api"), ProtocolType="HTTP", **more)["ApiId"]

    def test_an_api_and_its_tags(self):
        cors = {
            "AllowOrigins": ["https://semantest.com"],
            "AllowMethods": ["GET"],
            "AllowHeaders": ["authorization"],
            "MaxAge": 3600,
        }
        api = self.api(CorsConfiguration=cors, Tags={"semantest:project": "x"}, DisableExecuteApiEndpoint=False)
        found = self.apis.get_api(ApiId=api)
        self.assertEqual(found["CorsConfiguration"], cors)
        self.assertEqual(found["Tags"], {"semantest:project": "x"})
        self.assertEqual(
            (found["ProtocolType"], found["RouteSelectionExpression"], found["ApiKeySelectionExpression"]),
            ("HTTP", "$request.method $request.path", "$request.header.x-api-key"),
        )
        arn = f"arn:aws:apigateway:us-east-1::/apis/{api}"
        self.apis.tag_resource(ResourceArn=arn, Tags={"more": "y"})
        self.apis.untag_resource(ResourceArn=arn, TagKeys=["semantest:project"])
        self.assertEqual(self.apis.get_tags(ResourceArn=arn)["Tags"], {"more": "y"})
        self.assertEqual(self.apis.get_api(ApiId=api)["Tags"], {"more": "y"})
        self.apis.update_api(ApiId=api, Description="changed", CorsConfiguration={**cors, "AllowMethods": ["*"]})
        found = self.apis.get_api(ApiId=api)
        self.assertEqual((found["Description"], found["CorsConfiguration"]["AllowMethods"]), ("changed", ["*"]))
        self.apis.update_api(ApiId=api, CorsConfiguration={"AllowHeaders": [], "MaxAge": 0})
        found = self.apis.get_api(ApiId=api)["CorsConfiguration"]
        self.assertEqual((found["AllowMethods"], found["AllowHeaders"], found["MaxAge"]), (["*"], [], 0))
        self.apis.delete_cors_configuration(ApiId=api)
        self.assertNotIn("CorsConfiguration", self.apis.get_api(ApiId=api))
        self.apis.delete_api(ApiId=api)
        self.refused("NotFoundException", 404, self.apis.get_api, ApiId=api)
        self.refused("NotFoundException", 404, self.apis.delete_api, ApiId=api)
        self.refused("NotFoundException", 404, self.apis.get_routes, ApiId=api)

    def test_apis_come_in_pages_with_their_tags(self):
        apis = client("apigatewayv2", account="111122223334")
        for number in range(3):
            apis.create_api(Name=f"listed-{number}", ProtocolType="HTTP", Tags={"number": str(number)})
        first = apis.get_apis(MaxResults="2")
        second = apis.get_apis(MaxResults="2", NextToken=first["NextToken"])
        found = {api["Tags"]["number"] for page in (first, second) for api in page["Items"]}
        self.assertEqual((len(first["Items"]), len(second["Items"]), found), (2, 1, {"0", "1", "2"}))
        self.assertNotIn("NextToken", second)
        self.refused("BadRequestException", 400, apis.get_apis, NextToken="no token of ours")

    def test_routes_and_integrations(self):
        api = self.api()
        function = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f:live"
        integration = self.apis.create_integration(
            ApiId=api,
            IntegrationType="AWS_PROXY",
            IntegrationUri=function,
            PayloadFormatVersion="2.0",
            TimeoutInMillis=29000,
        )
        identifier = integration["IntegrationId"]
        found = self.apis.get_integration(ApiId=api, IntegrationId=identifier)
        self.assertEqual(
            (
                found["IntegrationUri"],
                found["PayloadFormatVersion"],
                found["TimeoutInMillis"],
                found["ConnectionType"],
                found["IntegrationMethod"],
            ),
            (function, "2.0", 29000, "INTERNET", "POST"),
        )
        self.assertEqual(
            self.apis.update_integration(ApiId=api, IntegrationId=identifier, TimeoutInMillis=10000)["TimeoutInMillis"],
            10000,
        )
        route = self.apis.create_route(ApiId=api, RouteKey="GET /things/{id}", Target=f"integrations/{identifier}")
        self.refused(
            "ConflictException",
            409,
            self.apis.create_route,
            ApiId=api,
            RouteKey="GET /things/{id}",
            Target=f"integrations/{identifier}",
        )
        other = self.apis.create_route(ApiId=api, RouteKey="$default", Target=f"integrations/{identifier}")
        self.refused(
            "ConflictException",
            409,
            self.apis.update_route,
            ApiId=api,
            RouteId=other["RouteId"],
            RouteKey="GET /things/{id}",
        )
        self.assertEqual(
            self.apis.update_route(ApiId=api, RouteId=route["RouteId"], RouteKey="PUT /things/{id}")["RouteKey"],
            "PUT /things/{id}",
        )
        self.refused("ConflictException", 409, self.apis.delete_integration, ApiId=api, IntegrationId=identifier)
        self.refused("BadRequestException", 400, self.apis.create_route, ApiId=api, RouteKey="no route key")
        self.refused("NotFoundException", 404, self.apis.create_route, ApiId="missing", RouteKey="$default")
        pages = list(self.apis.get_paginator("get_routes").paginate(ApiId=api, PaginationConfig={"PageSize": 1}))
        self.assertEqual([len(page["Items"]) for page in pages], [1, 1])
        for call in ("get_route", "delete_route"):
            self.refused("NotFoundException", 404, getattr(self.apis, call), ApiId=api, RouteId="missing")
        self.apis.delete_route(ApiId=api, RouteId=route["RouteId"])
        self.apis.delete_route(ApiId=api, RouteId=other["RouteId"])
        self.apis.delete_integration(ApiId=api, IntegrationId=identifier)
        for call in ("get_integration", "delete_integration"):
            self.refused("NotFoundException", 404, getattr(self.apis, call), ApiId=api, IntegrationId=identifier)

    def test_stages(self):
        api = self.api()
        logs = {
            "DestinationArn": f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:access",
            "Format": '{"requestId":"$context.requestId"}',
        }
        settings = {"ThrottlingBurstLimit": 200, "ThrottlingRateLimit": 100.0, "DetailedMetricsEnabled": True}
        stage = dict(
            ApiId=api,
            StageName="$default",
            AutoDeploy=True,
            AccessLogSettings=logs,
            DefaultRouteSettings=settings,
            StageVariables={"a": "b"},
            Tags={"semantest:project": "x"},
        )
        self.apis.create_stage(**stage)
        self.refused("ConflictException", 409, self.apis.create_stage, **stage)
        found = self.apis.get_stage(ApiId=api, StageName="$default")
        for key in ("AccessLogSettings", "DefaultRouteSettings", "StageVariables", "Tags", "AutoDeploy"):
            self.assertEqual(
                (
                    {k: v for k, v in found[key].items() if k in stage[key]}
                    if isinstance(found[key], dict)
                    else found[key]
                ),
                stage[key],
                key,
            )
        arn = f"arn:aws:apigateway:us-east-1::/apis/{api}/stages/$default"
        self.apis.tag_resource(ResourceArn=arn, Tags={"more": "y"})
        self.assertEqual(self.apis.get_tags(ResourceArn=arn)["Tags"], {"semantest:project": "x", "more": "y"})
        self.assertEqual(
            self.apis.get_stage(ApiId=api, StageName="$default")["Tags"], {"semantest:project": "x", "more": "y"}
        )
        self.apis.update_stage(
            ApiId=api, StageName="$default", DefaultRouteSettings={**settings, "ThrottlingRateLimit": 50.0}
        )
        found = self.apis.get_stage(ApiId=api, StageName="$default")
        self.assertEqual(
            (found["DefaultRouteSettings"]["ThrottlingRateLimit"], found["AccessLogSettings"]), (50.0, logs)
        )
        self.apis.update_stage(
            ApiId=api, StageName="$default", DefaultRouteSettings={"ThrottlingBurstLimit": 300}
        )
        found = self.apis.get_stage(ApiId=api, StageName="$default")["DefaultRouteSettings"]
        self.assertEqual((found["ThrottlingBurstLimit"], found["ThrottlingRateLimit"]), (300, 50.0))
        self.apis.update_stage(ApiId=api, StageName="$default", RouteSettings={"GET /x": {"ThrottlingBurstLimit": 5}})
        self.apis.delete_route_settings(ApiId=api, StageName="$default", RouteKey="GET /x")
        self.assertEqual(self.apis.get_stage(ApiId=api, StageName="$default").get("RouteSettings"), {})
        self.refused(
            "NotFoundException",
            404,
            self.apis.delete_route_settings,
            ApiId=api,
            StageName="$default",
            RouteKey="GET /x",
        )
        self.apis.delete_access_log_settings(ApiId=api, StageName="$default")
        self.assertNotIn("AccessLogSettings", self.apis.get_stage(ApiId=api, StageName="$default"))
        self.apis.delete_stage(ApiId=api, StageName="$default")
        for call in ("get_stage", "delete_stage"):
            self.refused("NotFoundException", 404, getattr(self.apis, call), ApiId=api, StageName="$default")

    def test_authorizers(self):
        api = self.api()
        jwt = {"Audience": ["semantest"], "Issuer": "https://id.example.com/"}
        made = self.apis.create_authorizer(
            ApiId=api,
            AuthorizerType="JWT",
            Name="jwt",
            IdentitySource=["$request.header.Authorization"],
            JwtConfiguration=jwt,
        )
        found = self.apis.get_authorizer(ApiId=api, AuthorizerId=made["AuthorizerId"])
        self.assertEqual(
            (found["JwtConfiguration"], found["IdentitySource"], found["Name"]),
            (jwt, ["$request.header.Authorization"], "jwt"),
        )
        changed = self.apis.update_authorizer(
            ApiId=api, AuthorizerId=made["AuthorizerId"], JwtConfiguration={**jwt, "Audience": ["other"]}
        )
        self.assertEqual(changed["JwtConfiguration"]["Audience"], ["other"])
        route = self.apis.create_route(
            ApiId=api, RouteKey="$default", AuthorizationType="JWT", AuthorizerId=made["AuthorizerId"]
        )
        self.refused(
            "ConflictException", 409, self.apis.delete_authorizer, ApiId=api, AuthorizerId=made["AuthorizerId"]
        )
        self.apis.update_route(ApiId=api, RouteId=route["RouteId"], AuthorizationType="NONE", AuthorizerId="")
        self.apis.delete_authorizer(ApiId=api, AuthorizerId=made["AuthorizerId"])
        for call in ("get_authorizer", "delete_authorizer"):
            self.refused(
                "NotFoundException", 404, getattr(self.apis, call), ApiId=api, AuthorizerId=made["AuthorizerId"]
            )


class Tags(Case):
    def test_what_has_tags_is_found_by_them(self):
        value = name("project")
        tags = {"semantest:project": value}
        function, _ = make_function(client("lambda"), Tags=tags)
        client("logs").create_log_group(logGroupName=function, tags=tags)
        api = client("apigatewayv2").create_api(Name=function, ProtocolType="HTTP", Tags=tags)["ApiId"]
        client("apigatewayv2").create_stage(ApiId=api, StageName="$default", Tags=tags)
        pages = (
            client("resourcegroupstaggingapi")
            .get_paginator("get_resources")
            .paginate(TagFilters=[{"Key": "semantest:project", "Values": [value]}])
        )
        found = {resource["ResourceARN"] for page in pages for resource in page["ResourceTagMappingList"]}
        self.assertEqual(
            found,
            {
                f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{function}",
                f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{function}",
                f"arn:aws:apigateway:us-east-1::/apis/{api}",
                f"arn:aws:apigateway:us-east-1::/apis/{api}/stages/$default",
            },
        )


if __name__ == "__main__":
    main()
