"""Collections and requests for tests."""

from __future__ import annotations

from typing import Any


def request(name: str = "Request", **fields: Any) -> dict[str, Any]:
    return {
        "v": "17",
        "name": name,
        "method": "GET",
        "endpoint": "http://127.0.0.1:1/",
        "params": [],
        "headers": [],
        "preRequestScript": "",
        "testScript": "",
        "auth": {"authType": "inherit", "authActive": True},
        "body": {"contentType": None, "body": None},
        "requestVariables": [],
        "responses": {},
        "description": None,
        **fields,
    }


def collection(name: str = "Collection", *requests: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "v": 12,
        "name": name,
        "folders": [],
        "requests": list(requests),
        "auth": {"authType": "none", "authActive": True},
        "headers": [],
        "variables": [],
        "description": None,
        "preRequestScript": "",
        "testScript": "",
        **fields,
    }


def environment(name: str = "Environment", **values: str) -> dict[str, Any]:
    rows = [
        {"key": key, "initialValue": value, "currentValue": value, "secret": False} for key, value in values.items()
    ]
    return {"v": 2, "id": "", "name": name, "variables": rows}
