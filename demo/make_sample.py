"""Writes demo/shop.json, the collection of the demo: `python demo/make_sample.py`. The file is committed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

INHERIT = {"authType": "inherit", "authActive": True}
NO_BODY = {"contentType": None, "body": None}


def request(name: str, method: str, endpoint: str, test: str, **more: Any) -> dict[str, Any]:
    return {
        "v": "17",
        "name": name,
        "method": method,
        "endpoint": endpoint,
        "params": more.get("params", []),
        "headers": more.get("headers", []),
        "preRequestScript": more.get("pre", ""),
        "testScript": test,
        "auth": more.get("auth", INHERIT),
        "body": more.get("body", NO_BODY),
        "requestVariables": more.get("variables", []),
        "responses": {},
        "description": None,
    }


def folder(
    name: str, requests: list[dict[str, Any]], folders: tuple[dict[str, Any], ...] = (), **more: Any
) -> dict[str, Any]:
    return {
        "v": 12,
        "name": name,
        "folders": list(folders),
        "requests": requests,
        "auth": more.get("auth", INHERIT),
        "headers": more.get("headers", []),
        "variables": more.get("variables", []),
        "description": more.get("description"),
        "preRequestScript": more.get("pre", ""),
        "testScript": more.get("test", ""),
    }


def row(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "value": value, "active": True, "description": ""}


def variable(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "initialValue": value, "currentValue": value, "secret": False}


def level(status: str) -> str:
    return f'pw.test("answers {status}", () => {{ pw.expect(pw.response.status).toBe({status}); }});'


JSON_BODY = {
    "contentType": "application/json",
    "body": '{\n  // what the customer ordered\n  "item": "<<item>>",\n  "count": 2,\n  "reference": "<<reference>>"\n}',
}
SESSION = request(
    "Log in",
    "POST",
    "<<baseUrl>>/login",
    level("200") + '\npw.env.set("access", pw.response.body.access);\n'
    'pw.test("gives a session", () => { pw.expect(pw.response.body.access).toInclude("session-of"); });',
    auth={"authType": "none", "authActive": True},
    body={"contentType": "application/x-www-form-urlencoded", "body": "user: <<user>>\npassword: <<password>>"},
)
CREATE = request(
    "Create an order",
    "POST",
    "<<baseUrl>>/orders",
    level("201") + '\npw.env.set("orderId", String(pw.response.body.id));\n'
    'pw.test("keeps what was ordered", () => {\n  pw.expect(pw.response.body.item).toBe("anvil");\n'
    '  pw.expect(pw.response.body.count).toBe(2);\n  pw.expect(pw.response.body.reference).toInclude("demo-");\n});',
    pre='pw.env.set("reference", `demo-${Date.now()}`);',
    body=JSON_BODY,
    variables=[{"key": "item", "value": "anvil", "active": True}],
)
READ = request(
    "Read the order",
    "GET",
    "<<baseUrl>>/orders/<<orderId>>",
    level("200") + '\npw.test("is open", () => { pw.expect(pw.response.body.state).toBe("open"); });',
)
LIST = request(
    "List orders",
    "GET",
    "<<baseUrl>>/orders",
    'pw.test("is a list", () => { pw.expect(pw.response.body).not.toHaveLength(0); });',
)
CANCEL = request("Cancel the order", "DELETE", "<<baseUrl>>/orders/<<orderId>>", level("204"))
GONE = request("It is gone", "GET", "<<baseUrl>>/orders/<<orderId>>", level("404"))
ECHO = request(
    "Headers and query arrive",
    "GET",
    "<<baseUrl>>/echo",
    'pw.test("inherited header", () => { pw.expect(pw.response.body.headers["X-Shop"]).toBe("hopkey-demo"); });\n'
    'pw.test("query", () => { pw.expect(pw.response.body.query.page[0]).toBe("2"); });',
    params=[row("page", "2")],
    auth={"authType": "none", "authActive": True},
)
STOCK = request(
    "Stock",
    "GET",
    "<<baseUrl>>/stock",
    level("200") + '\npw.test("has anvils", () => { pw.expect(pw.response.body.anvils).toBeType("number"); });',
)
REPORT = request("Daily report", "GET", "<<baseUrl>>/reports/daily", level("200"))


def main() -> None:
    shop = folder(
        "Shop",
        [SESSION, ECHO],
        (
            folder("Orders", [CREATE, READ, LIST], (folder("Cancelling", [CANCEL, GONE]),)),
            folder(
                "Warehouse",
                [STOCK],
                auth={
                    "authType": "api-key",
                    "authActive": True,
                    "key": "X-Api-Key",
                    "value": "<<apiKey>>",
                    "addTo": "HEADERS",
                },
            ),
            folder(
                "Reports",
                [REPORT],
                auth={
                    "authType": "basic",
                    "authActive": True,
                    "username": "reporter",
                    "password": "<<reportPassword>>",
                },
                variables=[variable("reportPassword", "paper-boat")],
            ),
        ),
        auth={"authType": "bearer", "authActive": True, "token": "<<access>>"},
        headers=[row("X-Shop", "<<shop>>")],
        variables=[variable("shop", "hopkey-demo")],
        description="A small orders service: log in, order, cancel, look at the stock.",
        test='pw.test("answers in JSON or not at all", () => {\n'
        '  const type = pw.response.headers.find((header) => header.key === "content-type");\n'
        '  pw.expect(type.value).toInclude("json");\n});',
    )
    text = json.dumps(shop, indent=2) + "\n"
    Path(__file__).with_name("shop.json").write_text(text, "utf-8")


if __name__ == "__main__":
    main()
