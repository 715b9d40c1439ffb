"""openapi.json, which the API serves: it is valid OpenAPI and describes all of the API."""

from __future__ import annotations

import re

from django.test import Client
from jsonschema import Draft202012Validator

from django_multisession.api import errors, urls
from django_multisession.api.views import ApiView
from support.api_clients import ROOT, SCHEMA, resolved

METHODS = ["get", "put", "post", "patch", "delete"]


def nodes(node):
    """Yield this node and all nodes below it."""
    yield node
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in children:
        yield from nodes(child)


def operations():
    """Yield path, method and description of each operation."""
    for path, item in SCHEMA["paths"].items():
        for method in item.keys() & METHODS:
            yield path, method, item[method]


def test_anybody_may_read_it_and_it_needs_no_session(site, monkeypatch):
    monkeypatch.setattr(site.storage, "read", None)
    visitor = site.caller()
    visitor.client.cookies["sessionid"] = "a" * 32
    response = visitor.call("get", "/openapi.json")
    assert response.json() == SCHEMA
    assert "Vary" not in response.headers


def test_it_is_for_reading(site):
    response = Client().post(f"{ROOT}/openapi.json")
    assert (response.status_code, response["Allow"]) == (405, "GET, HEAD")


def test_it_is_of_a_version_that_tools_know():
    assert re.fullmatch(r"3\.1\.\d", SCHEMA["openapi"])
    assert {"title", "version"} <= SCHEMA["info"].keys()


def test_every_reference_leads_to_something_and_nothing_is_left_over():
    targets = {node["$ref"] for node in nodes(SCHEMA) if isinstance(node, dict) and "$ref" in node}
    for target in targets:
        assert resolved({"$ref": target})
    parts = {k: SCHEMA["components"][k] for k in ("schemas", "responses")}
    assert targets == {f"#/components/{k}/{name}" for k, part in parts.items() for name in part}


def test_every_schema_is_one():
    found = [n["schema"] for n in nodes(SCHEMA) if isinstance(n, dict) and "schema" in n]
    for schema in [*found, *SCHEMA["components"]["schemas"].values()]:
        Draft202012Validator.check_schema(schema)


def test_every_object_names_all_its_members():
    for node in nodes(SCHEMA):
        if isinstance(node, dict) and "properties" in node:
            assert {*node["required"]} == node["properties"].keys()
            assert node["additionalProperties"] is False


def test_every_operation_has_a_name_of_its_own_and_every_answer_is_described():
    names = [said["operationId"] for _, _, said in operations()]
    assert len({*names}) == len(names)
    for _, _, said in operations():
        assert said["summary"].endswith(".")
        assert all(resolved(answer)["description"] for answer in said["responses"].values())


def test_parts_of_paths_are_parameters():
    for path, item in SCHEMA["paths"].items():
        described = {each["name"] for each in item.get("parameters", []) if each["in"] == "path"}
        assert described == {*re.findall(r"{(\w+)}", path)}


def test_it_has_every_route_and_every_method_and_no_other():
    implemented = set()
    for pattern in urls.urlpatterns:
        path = "/" + re.sub(r"<(\w+)>", r"{\1}", str(pattern.pattern))
        view = getattr(pattern.callback, "view_class", None)
        implemented |= {(path, m) for m in METHODS if (hasattr(view, m) if view else m == "get")}
    assert implemented == {(path, method) for path, method, _ in operations()}


def test_every_answer_of_every_view_is_there():
    """Every operation describes the errors for an anonymous request and for an outage."""
    for path, method, said in operations():
        if said.get("security") != []:
            assert {"400", "401", "503"} <= said["responses"].keys(), (method, path)
        if method != "get":
            assert "403" in said["responses"]
        if "requestBody" in said:
            assert {"400", "413", "415"} <= said["responses"].keys()


def test_it_knows_every_word_of_an_error():
    words = {*SCHEMA["components"]["schemas"]["Error"]["properties"]["error"]["enum"]}
    made = [
        *(errors.not_authenticated(), errors.not_found(), errors.unconfirmed()),
        *(errors.not_json(), errors.too_large(), errors.wrong_password(), errors.forged("")),
        *(errors.not_allowed("PUT", ["GET"]), errors.invalid("")),
    ]
    assert words == {each.error for each in made} | {
        *("unavailable", "invalid_request", "invalid_token")
    }


def test_every_view_but_this_one_guards_itself():
    for pattern in urls.urlpatterns:
        view = getattr(pattern.callback, "view_class", None)
        assert pattern.name == "schema" or issubclass(view, ApiView)
