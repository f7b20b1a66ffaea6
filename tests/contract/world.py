"""Writes the service's description with what its world holds as possible values.

    world.py URL PASSWORD FILE

By itself a description says "a text" where a name or number is wanted, and a test that makes texts
up finds nothing there. Here each such place gets some that exist, one that is hidden from members,
and one that does not exist. What is deleted and disabled is nobody whom another run needs.
"""

import base64
import json
import sys
import urllib.parse
import urllib.request

url, password, file = sys.argv[1:]


def ask(path, body=None):
    request = urllib.request.Request(f"{url}/api/v1{path}")
    pair = base64.b64encode(f"ada:{password}".encode()).decode()
    request.add_header("Authorization", f"Basic {pair}")
    if body is not None:
        request.add_header("Content-Type", "application/json")
        request.data = json.dumps(body).encode()
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def first(path, key="id"):
    return str(ask(path)[0][key])


document = ask("/openapi.json")
grant = ask("/namespaces/tools/grants", {"user": "barbara", "role": "viewer"})["id"]
tokens = [
    str(ask("/users/self/application_tokens", {"application": f"made-{n}"})["id"]) for n in range(3)
]
hello = "/repositories/" + urllib.parse.quote("tools/hello", safe="")
values = {
    "user": ["mallory", "dennis", str(ask("/users/barbara")["id"]), "nobody"],
    "team": ["platform", "research", str(ask("/teams/tools-team")["id"]), "nothing"],
    "member": ["dennis", "linus", "nobody"],
    "namespace": ["tools", "main:platform", "research", first("/namespaces"), "made/a", "nothing"],
    "grant": [grant, "00000000-0000-7000-8000-000000000000", "none"],
    "repository": ["tools/hello", "platform/api", "research/model", first("/repositories"), "no/thing"],
    "tag": ["latest", "v2", "1.0", "nothing", first("/tags")],
    "digest": [first(hello + "/manifests", "digest"), "sha256:" + "0" * 64, "none"],
    "token": [*tokens, "999999", "none"],
    "registry": [first("/registries", "name"), first("/registries"), "nothing"],
    "activity": [first("/activities"), "999999/0", "none"],
}
fields = {
    "AddMemberBody": {"user": ["barbara", "mallory", "dennis", "nobody"]},
    "AddGrantBody": {
        "user": ["dennis", "nobody", None],
        "team": ["research", "nothing", None],
        "repository": ["tools/hello", "research/model", None],
    },
    "CreateTeamBody": {"name": ["made-a", "made-b", "made-c", "platform"]},
    "CreateNamespaceBody": {
        "name": ["made/a", "made/b", "platform", "tools/inside"],
        "team": values["team"],
        "registry": [None, *values["registry"]],
    },
    "CreateUser": {"username": ["made-a", "made-b", "ada"]},
    "UpdateUser": {"username": [None, "mallory"], "email": [None, "", "m@example.org"]},
    "UpdateTeam": {"name": [None, "platform"]},
    "UpdateNamespace": {"name": [None, "tools"], "team": [None, "research"]},
    "RegistryFields": {
        "name": [None, "made-a", "made-b"],
        "hostname": [None, "a.example.org", "b.example.org:5000"],
        "service": [None, "a", "b"],
    },
    "CreateTokenBody": {"namespaces": [None, ["tools"]]},
}
queries = {
    "repository": values["repository"],
    "namespace": ["tools", "research", "nothing"],
    "team": values["team"],
    "user": ["dennis", "nobody"],
    "registry": values["registry"],
    "action": ["pull", "push", "see_team", "admin_panel", "no_action"],
    "before": ["30/0", "30", "0"],
    "new_team": ["platform", "nothing"],
}

for path in document["paths"].values():
    for operation in path.values():
        for parameter in operation.get("parameters", []):
            known = values if parameter["in"] == "path" else queries
            if parameter["name"] in known and parameter["schema"].get("type") != "integer":
                parameter["schema"] = {"enum": known[parameter["name"]]}
for name, some in fields.items():
    properties = document["components"]["schemas"][name]["properties"]
    for field, known in some.items():
        properties[field] = {"enum": known}

with open(file, "w") as out:
    json.dump(document, out)
