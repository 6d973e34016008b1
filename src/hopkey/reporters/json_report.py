"""The run as JSON, for other programs. docs/reports.md describes the schema; ``version`` changes when it does."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import hopkey
from hopkey.reporters.redaction import Redactor
from hopkey.runner.results import RequestResult, RunResult

SCHEMA_VERSION = 1
MAX_BODY = 64 * 1024


def render(result: RunResult, *, bodies: bool = False) -> str:
    """One JSON object. With `bodies`, requests and answers with the first 64 kB of what they carried."""
    return json.dumps(document(result, bodies=bodies), indent=2, ensure_ascii=False) + "\n"


def document(result: RunResult, *, bodies: bool = False) -> dict[str, Any]:
    """The report as plain values."""
    redactor = Redactor(result.secrets)
    checks = result.checks
    tests = [test for request in result.requests for test in request.tests if test.checks]
    return {
        "version": SCHEMA_VERSION,
        "generator": f"hopkey {hopkey.__version__}",
        "passed": result.ok,
        "stopped": result.stopped or None,
        "startedAt": _moment(result.started),
        "durationMs": round(result.duration, 3),
        "iterations": result.iterations,
        "totals": {
            "requests": len(result.requests),
            "skipped": sum(request.skipped for request in result.requests),
            "faults": len(result.faults),
            "tests": {"passed": sum(test.ok for test in tests), "failed": sum(not test.ok for test in tests)},
            "checks": {"passed": sum(check.ok for check in checks), "failed": sum(not check.ok for check in checks)},
        },
        "requests": [_request(request, redactor, bodies=bodies) for request in result.requests],
    }


def _request(request: RequestResult, redactor: Redactor, *, bodies: bool) -> dict[str, Any]:
    answer = request.answer
    wire = redactor.knowing(request.sent)
    return {
        "path": redactor.text(request.path),
        "iteration": request.iteration,
        "method": request.method,
        "url": wire.text(request.url),
        "startedAt": _moment(request.started),
        "passed": request.ok,
        "skipped": request.skipped,
        "request": _sent(request, wire) if bodies and request.sent else None,
        "response": None
        if answer is None
        else {
            "status": answer.status,
            "reason": answer.reason,
            "durationMs": round(answer.duration, 3),
            "bytes": answer.size,
            **(
                {"headers": dict(wire.headers(answer.headers)), "body": wire.body(answer.body, MAX_BODY)}
                if bodies
                else {}
            ),
        },
        "tests": [
            {
                "name": redactor.text(test.name),
                "passed": test.ok,
                "checks": [{"passed": check.ok, "message": redactor.text(check.message)} for check in test.checks],
            }
            for test in request.tests
        ],
        "faults": [
            {
                "kind": fault.kind,
                "code": fault.code,
                "message": redactor.text(fault.message),
                "script": redactor.text(fault.script) or None,
            }
            for fault in request.faults
        ],
        "console": [{"level": level, "text": redactor.text(text)} for level, text in request.console],
    }


def _sent(request: RequestResult, redactor: Redactor) -> dict[str, Any]:
    assert request.sent is not None
    return {
        "headers": dict(redactor.headers(request.sent.headers)),
        "body": redactor.body(request.sent.body, MAX_BODY),
    }


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
