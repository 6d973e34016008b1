"""The run as one self-contained page: a plot of the times, every request with its tests, a filter, light and dark."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from importlib import resources
from statistics import median

import hopkey
from hopkey.reporters.redaction import Redactor
from hopkey.runner.results import RequestResult, RunResult

MAX_BODY = 16 * 1024
_BAR_HEIGHT = 120
_MAX_BARS = 2000


def render(result: RunResult, *, bodies: bool = False) -> str:
    """The page. With `bodies`, each request shows headers and the first 16 kB of what it sent and got."""
    redactor = Redactor(result.secrets)
    verdict = "interrupted" if result.stopped == "interrupted" else "passed" if result.ok else "failed"
    stamp = datetime.fromtimestamp(result.started, UTC)
    title = escape(redactor.text(result.requests[0].path.split("/")[0])) if result.requests else "Run"
    parts = [
        "<!doctype html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        # The page holds everything it needs, and may fetch nothing.
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
        "script-src 'unsafe-inline'\">",
        f"<title>{title}: {verdict}</title>",
        f"<style>{_asset('report.css')}</style>",
        "</head>",
        "<body>",
        "<header>",
        f'<h1><span class="verdict {verdict}">{verdict.capitalize()}</span> {title}</h1>',
        f"<p>{stamp:%Y-%m-%d %H:%M:%S} UTC, {_time(result.duration)}, hopkey {escape(hopkey.__version__)}</p>",
        "</header>",
        "<main>",
        _totals(result),
        _plot(result, redactor),
        _filter(),
        *(_request(index, request, redactor, result, bodies) for index, request in enumerate(result.requests)),
        '<p id="none" hidden>Nothing matches.</p>',
        "</main>",
        f"<script>{_asset('report.js')}</script>",
        "</body>",
        "</html>",
        "",
    ]
    return "\n".join(parts)


def _totals(result: RunResult) -> str:
    tests = [test for request in result.requests for test in request.tests if test.checks]
    times = [request.answer.duration for request in result.requests if request.answer is not None]
    failed_tests = sum(not test.ok for test in tests)
    failed_checks = sum(not check.ok for check in result.checks)
    failed_requests = sum(not request.ok for request in result.requests)
    cells = [
        ("Requests", str(len(result.requests)), f"{failed_requests} failed", failed_requests),
        ("Tests", str(len(tests)), f"{failed_tests} failed", failed_tests),
        ("Checks", str(len(result.checks)), f"{failed_checks} failed", failed_checks),
        ("Faults", str(len(result.faults)), "requests or scripts", len(result.faults)),
    ]
    if times:
        cells.append(("Median time", _time(median(times)), f"longest {_time(max(times))}", 0))
    items = (
        f"<div{' class=bad' if bad else ''}><dt>{name}</dt><dd>{value}<small>{note}</small></dd></div>"
        for name, value, note, bad in cells
    )
    return f'<dl class="totals">{"".join(items)}</dl>'


def _plot(result: RunResult, redactor: Redactor) -> str:
    """Bars of the answers' times, in order; a click leads to the request."""
    timed = [(index, item) for index, item in enumerate(result.requests) if item.answer is not None][:_MAX_BARS]
    if len(timed) < 2:
        return ""
    top = max(item.answer.duration for _, item in timed if item.answer) or 1.0
    width = 1000 / len(timed)
    gap = min(2.0, width / 4)
    bars = []
    for place, (index, item) in enumerate(timed):
        duration = item.answer.duration if item.answer else 0.0
        height = max(1.5, duration / top * _BAR_HEIGHT)
        label = f"{redactor.text(item.path)}: {_time(duration)}"
        x, y, tone = place * width, _BAR_HEIGHT - height, "good" if item.ok else "bad"
        bars.append(
            f'<a href="#r{index}" aria-label="{escape(label)}"><rect class="{tone}" x="{x:.2f}" y="{y:.2f}" '
            f'width="{width - gap:.2f}" height="{height:.2f}"><title>{escape(label)}</title></rect></a>'
        )
    return (
        f"<figure><figcaption>Time of each answer, in order; the highest is {_time(top)}</figcaption>"
        f'<svg viewBox="0 0 1000 {_BAR_HEIGHT}" preserveAspectRatio="none" role="group" '
        f'aria-label="Times of {len(timed)} answers, at most {_time(top)}">{"".join(bars)}</svg></figure>'
    )


def _filter() -> str:
    return (
        '<form class="filter" role="search"><label for="query">Filter</label>'
        '<input id="query" type="search" placeholder="path, address, test or message" autocomplete="off">'
        '<label class="check"><input id="failed" type="checkbox"> only what failed</label>'
        '<output id="count" for="query failed"></output></form>'
    )


def _request(index: int, item: RequestResult, redactor: Redactor, result: RunResult, bodies: bool) -> str:
    state = "skipped" if item.skipped else "passed" if item.ok else "failed"
    answer = item.answer
    wire = redactor.knowing(item.sent)
    said = "skipped" if item.skipped else "no answer" if answer is None else f"{answer.status} {answer.reason}".strip()
    time = "" if answer is None else f"{_time(answer.duration)}, {_size(answer.size)}"
    turn = f' <span class="turn">iteration {item.iteration}</span>' if result.iterations > 1 else ""
    inner = [f'<p class="address"><b>{escape(item.method)}</b> {escape(wire.text(item.url))}</p>']
    for test in item.tests:
        checks = "".join(
            f'<li class="{"good" if check.ok else "bad"}">{escape(redactor.text(check.message))}</li>'
            for check in test.checks
        )
        mark = "good" if test.ok else "bad"
        inner.append(f'<section><h2 class="{mark}">{escape(redactor.text(test.name))}</h2><ul>{checks}</ul></section>')
    for fault in item.faults:
        where = f"{fault.script}: " if fault.script else ""
        text = escape(redactor.text(where + fault.message))
        inner.append(f'<p class="fault"><b>{escape(fault.code)}</b> {text}</p>')
    if item.console:
        lines = "\n".join(f"[{level}] {redactor.text(text)}" for level, text in item.console)
        inner.append(f"<section><h2>Console</h2><pre tabindex=0>{escape(lines)}</pre></section>")
    if bodies:
        if item.sent is not None:
            inner.append(_message("Request", item.sent.headers, item.sent.body, wire))
        if answer is not None:
            inner.append(_message("Answer", answer.headers, answer.body, wire))
    opened = "" if item.ok else " open"
    return (
        f'<details id="r{index}" class="request {state}"{opened}><summary><span class="state">{state}</span> '
        f'<span class="path">{escape(redactor.text(item.path))}</span>{turn} <span class="said">{escape(said)}</span> '
        f'<span class="time">{time}</span></summary>{"".join(inner)}</details>'
    )


def _message(name: str, headers: tuple[tuple[str, str], ...], body: bytes | None, redactor: Redactor) -> str:
    lines = [f"{key}: {value}" for key, value in redactor.headers(headers)]
    text = redactor.body(body, MAX_BODY)
    if text:
        lines += ["", text]
    return f"<section><h2>{name}</h2><pre tabindex=0>{escape(chr(10).join(lines))}</pre></section>"


def _asset(name: str) -> str:
    return resources.files("hopkey.reporters").joinpath("assets", name).read_text("utf-8")


def _time(value: float) -> str:
    return f"{value / 1000:.2f} s" if value >= 1000 else f"{value:.0f} ms" if value >= 10 else f"{value:.1f} ms"


def _size(count: int) -> str:
    return f"{count} B" if count < 1024 else f"{count / 1024:.1f} kB"
