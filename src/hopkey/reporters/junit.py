"""JUnit XML in the structure of the official runner: a suite for each request, a case for each expectation."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from xml.sax.saxutils import quoteattr

from hopkey.reporters.redaction import Redactor
from hopkey.runner.results import RequestResult, RunResult, TestResult

_INVALID = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(result: RunResult) -> str:
    """The document. With several iterations, each suite names its own."""
    redactor = Redactor(result.secrets)
    suites = [_suite(request, redactor, named=result.iterations > 1) for request in result.requests]
    tests, failures, errors = (sum(values) for values in zip(*(_counts(item) for item in result.requests), strict=True))
    seconds = sum(request.test_duration for request in result.requests) / 1000
    head = f'<testsuites tests="{tests}" failures="{failures}" errors="{errors}" time="{_seconds(seconds)}">'
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', head, *suites, "</testsuites>", ""])


def _suite(request: RequestResult, redactor: Redactor, *, named: bool) -> str:
    tests, failures, errors = _counts(request)
    name = f"{request.path} (iteration {request.iteration})" if named else request.path
    stamp = datetime.fromtimestamp(request.started, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    attributes = (
        f'name={_attribute(redactor.text(name))} time="{_seconds(request.test_duration / 1000)}" timestamp="{stamp}" '
        f'tests="{tests}" failures="{failures}" errors="{errors}"'
    )
    faults = [f"{fault.code} - {redactor.text(fault.message)}" for fault in request.faults]
    inner = [_standard_error(faults)] if faults else []
    inner += [line for test in request.tests for line in _cases(test, request.path, redactor)]
    if not inner:
        return f"  <testsuite {attributes}/>"
    return "\n".join([f"  <testsuite {attributes}>", *inner, "  </testsuite>"])


def _cases(test: TestResult, path: str, redactor: Redactor) -> list[str]:
    lines = []
    for check in test.checks:
        message = redactor.text(check.message)
        name = redactor.text(f"{test.name} - {check.message}")
        head = f"    <testcase name={_attribute(name)} classname={_attribute(redactor.text(path))}"
        if check.ok:
            lines.append(f"{head}/>")
        elif check.is_error:
            lines += [f"{head}>", f"      <error message={_attribute(message)}/>", "    </testcase>"]
        else:
            lines += [
                f"{head}>",
                f'      <failure type="AssertionFailure" message={_attribute(message)}/>',
                "    </testcase>",
            ]
    return lines


def _standard_error(lines: list[str]) -> str:
    text = _clean("\n".join(f"      {line}" for line in lines)).replace("]]>", "]]]]><![CDATA[>")
    return f"    <system-err><![CDATA[\n{text}]]></system-err>"


def _counts(request: RequestResult) -> tuple[int, int, int]:
    checks = [check for test in request.tests for check in test.checks]
    errors = sum(check.is_error for check in checks)
    return len(checks), sum(not check.ok for check in checks) - errors, errors


def _seconds(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")


def _clean(text: str) -> str:
    return _INVALID.sub("\ufffd", text)


def _attribute(text: str) -> str:
    # Line breaks and tabs stand as they are, and count as spaces to whoever reads: so the official runner writes them.
    return quoteattr(_clean(text), {"\r": "&#13;", '"': "&quot;"}).replace("&#10;", "\n").replace("&#9;", "\t")
