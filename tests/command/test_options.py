"""`hopkey test`: every option, the reports, the exit codes."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hopkey.cli.commands import completion
from tests.command.test_command import Run, write
from tests.runner.server import Server, serving
from tests.support import samples

PASS = 'pm.test("good", () => { pm.expect(1).to.equal(1); });'
FAIL = 'pm.test("bad <b>", () => { pm.expect(1).to.equal(2); });'


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as state:
        yield state


def collection(server: Server, *scripts: str) -> dict[str, Any]:
    requests = [
        samples.request(f"R{index}", endpoint=f"{server.url}/echo?i={index}&u=<<user>>", testScript=script)
        for index, script in enumerate(scripts)
    ]
    return samples.collection("C", *requests)


def test_exit_codes_are_distinct(server: Server, tmp_path: Path) -> None:
    def code(*scripts: str, **fields: Any) -> int:
        made = collection(server, *scripts)
        for request in made["requests"]:
            request.update(fields)
        return Run("test", write(tmp_path, made)).code

    assert code(PASS) == 0
    assert code(PASS, FAIL) == 1
    assert code("throw 1") == 3
    assert code(PASS, endpoint="http://127.0.0.1:1/") == 3
    assert code(endpoint="http://127.0.0.1:1/") == 6
    assert code(PASS, preRequestScript="pm.execution.skipRequest()") == 6
    assert code("", endpoint=f"{server.url}/status/500") == 3


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--env-var", "novalue"], "INVALID_ARGUMENT"),
        (["--iteration-count", "0"], "INVALID_ARGUMENT"),
        (["--parallel", "x"], "INVALID_ARGUMENT"),
        (["--retries", "-1"], "INVALID_ARGUMENT"),
        (["--key", "k.pem"], "INVALID_ARGUMENT"),
        (["--proxy", "nowhere"], "INVALID_ARGUMENT"),
        (["--cacert", "missing.pem"], "INVALID_ARGUMENT"),
        (["--files", "nowhere"], "INVALID_ARGUMENT"),
        (["--env", ""], "NO_FILE_PATH"),
        (["--folder", "Nope"], "INVALID_ARGUMENT"),
        (["--request", "Nope"], "INVALID_ARGUMENT"),
        (["--iteration-data", "rows.txt"], "INVALID_DATA_FILE_TYPE"),
        (["--iteration-data", "missing.csv"], "FILE_NOT_FOUND"),
        (["--token", "a", "--token-file", "b"], "INVALID_ARGUMENT"),
        (["--token-file", "missing"], "FILE_NOT_FOUND"),
        (["--reporter-junit", "."], "REPORT_EXPORT_FAILED"),
        (["--reporter-json", "-", "--reporter-html", "-"], "INVALID_ARGUMENT"),
    ],
)
def test_bad_options_say_what_to_do_before_anything_runs(
    server: Server, tmp_path: Path, arguments: list[str], error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = Run("test", write(tmp_path, collection(server, PASS)), *arguments)
    assert (run.code in (2, 3), run.err.splitlines()[-1], run.out) == (True, f"ERROR_CODE: {error}", "")
    assert server.seen == []


def test_rows_of_a_csv_file_are_iterations(server: Server, tmp_path: Path) -> None:
    stream = io.StringIO()
    csv.writer(stream).writerows([["user", "note"], ["ana, the first", ""], ["ben", 'with "quotes"\nand lines']])
    rows = write(tmp_path, "\ufeff" + stream.getvalue(), "rows.csv")
    run = Run("test", write(tmp_path, collection(server, PASS)), "--iteration-data", rows)
    assert run.code == 0
    assert [path for _, path in server.seen] == ["/echo?i=0&u=ana,%20the%20first", "/echo?i=0&u=ben"]
    assert "Iteration 2 of 2" in run.out
    more = Run("test", write(tmp_path, collection(server, PASS)), "--iteration-data", rows, "--iteration-count", "3")
    assert (more.code, len(server.seen)) == (0, 5)
    for content in ("", "user\n", ","):
        bad = Run(
            "test", write(tmp_path, collection(server, PASS)), "--iteration-data", write(tmp_path, content, "x.csv")
        )
        assert (bad.code, "INVALID_DATA_FILE_TYPE" in bad.err) == (2, True)


def test_a_variable_of_the_command_line_stands_above_the_environment(server: Server, tmp_path: Path) -> None:
    environment = write(tmp_path, samples.environment("E", user="ana"), "e.json")
    Run(
        "test",
        write(tmp_path, collection(server, PASS)),
        "-e",
        environment,
        "--env-var",
        "user=e=ve",
        "--env-var",
        "x=1",
    )
    assert server.seen == [("GET", "/echo?i=0&u=e%3Dve")] or server.seen == [("GET", "/echo?i=0&u=e=ve")]


def test_junit_has_the_structure_of_the_official_report(server: Server, tmp_path: Path) -> None:
    odd = 'pm.test("x\\u0007]]>", () => { pw.expect("no").toBeLevel2xx(); }); '
    path = tmp_path / "deep" / "report.xml"
    run = Run(
        "test",
        write(tmp_path, collection(server, PASS + FAIL, odd, "throw new Error(']]>')")),
        "--reporter-junit",
        str(path),
    )
    assert run.code == 3
    assert f"JUNIT report: {path}" in run.err
    root = ElementTree.parse(path).getroot()  # noqa: S314 - of our own making
    assert {key: root.get(key) for key in ("tests", "failures", "errors")} == {
        "tests": "3",
        "failures": "1",
        "errors": "1",
    }
    first, second, third = root
    assert (first.get("name"), [case.get("name") for case in first]) == (
        "C/R0",
        ["good - Expected 1 to equal 1", "bad <b> - Expected 1 to equal 2"],
    )
    failure = first[1].find("failure")
    assert failure is not None
    assert failure.attrib == {"type": "AssertionFailure", "message": "Expected 1 to equal 2"}
    assert second[0].find("error") is not None
    stderr = third.find("system-err")
    assert stderr is not None
    assert (stderr.text or "").strip() == "TEST_SCRIPT_ERROR - Script execution failed: Error: ]]>"
    twice = Run(
        "test", write(tmp_path, collection(server, PASS)), "--iteration-count", "2", "--reporter-junit", str(path)
    )
    assert twice.code == 0
    suites = [suite.get("name") for suite in ElementTree.parse(path).getroot()]  # noqa: S314
    assert suites == ["C/R0 (iteration 1)", "C/R0 (iteration 2)"]


def test_reports_show_no_secret(server: Server, tmp_path: Path) -> None:
    environment = samples.environment("E", user="ana")
    environment["variables"].append(
        {"key": "secret", "initialValue": "", "currentValue": "s3cr3t-value", "secret": True}
    )
    made = collection(
        server, 'console.log(pw.env.get("secret")); pm.test("t", () => pm.expect(pw.env.get("secret")).to.equal(1))'
    )
    made["name"] = "the s3cr3t-value"  # as somebody may have named it
    made["requests"][0]["endpoint"] = server.url + "/echo?s=<<secret>>"
    made["requests"][0]["auth"] = {"authType": "bearer", "authActive": True, "token": "bearer-token"}
    places = [str(tmp_path / name) for name in ("a.xml", "a.json", "a.html")]
    run = Run(
        "test", write(tmp_path, made), "-e", write(tmp_path, environment, "e.json"), "--verbose", "--report-bodies",
        "--reporter-junit", places[0], "--reporter-json", places[1], "--reporter-html", places[2],
    )  # fmt: skip
    texts = [run.out, run.err, *(Path(place).read_text() for place in places)]
    for text in texts:
        assert "s3cr3t-value" not in text
    assert all("bearer-token" not in text for text in texts)
    assert "Authorization: Bearer ***" in run.out
    assert "[log] ***" in run.out


def test_reports_hold_whatever_scripts_say(server: Server, tmp_path: Path) -> None:
    script = 'pw.test("half \\ud83d", () => pw.expect("\\u0000 \\ufffe <]]>").toBe(1)); console.log("\\udc00");'
    places = [str(tmp_path / name) for name in ("a.xml", "a.json", "a.html")]
    run = Run(
        "test", write(tmp_path, collection(server, script)), "--report-bodies",
        "--reporter-junit", places[0], "--reporter-json", places[1], "--reporter-html", places[2],
    )  # fmt: skip
    assert run.code == 1
    (case,) = ElementTree.parse(places[0]).getroot().iter("testcase")  # noqa: S314 - of our own making
    assert (case.get("name") or "").startswith("half \ufffd - Expected '\ufffd \ufffd <]]>' to be '1'")
    (request,) = json.loads(Path(places[1]).read_text("utf-8"))["requests"]
    assert request["tests"][0]["name"] == "half \ud83d"
    assert request["console"] == [{"level": "log", "text": "\udc00"}]
    assert "half \\ud83d" in Path(places[2]).read_text("utf-8")


def test_the_json_report_is_whole_and_can_go_to_a_pipe(server: Server, tmp_path: Path) -> None:
    run = Run("test", write(tmp_path, collection(server, PASS, FAIL)), "--reporter-json", "-")
    data = json.loads(run.out)
    assert (run.code, data["version"], data["passed"]) == (1, 1, False)
    assert data["totals"] == {
        "requests": 2,
        "skipped": 0,
        "faults": 0,
        "tests": {"passed": 1, "failed": 1},
        "checks": {"passed": 1, "failed": 1},
    }
    assert data["requests"][1]["tests"][0]["checks"] == [{"passed": False, "message": "Expected 1 to equal 2"}]
    assert data["requests"][0]["response"]["status"] == 200
    assert "C/R1" in run.err, "the run itself is told on stderr then"


def test_the_html_report_holds_everything_it_needs(server: Server, tmp_path: Path) -> None:
    place = tmp_path / "report.html"
    Run("test", write(tmp_path, collection(server, PASS, FAIL, PASS)), "--reporter-html", str(place))
    page = place.read_text()
    assert "bad &lt;b&gt;" in page
    assert "<b>bad" not in page
    assert page.count('<details id="r') == 3
    assert "<svg" in page
    assert not re.search(r"""(src|href)=["'](?!#)""", page)


def test_quiet_shows_failures_only_and_verbose_what_went_over_the_wire(server: Server, tmp_path: Path) -> None:
    path = write(tmp_path, collection(server, PASS, FAIL))
    quiet = Run("test", path, "--quiet").out
    assert ("C/R0" in quiet, "C/R1" in quiet, "Failed" in quiet) == (False, True, True)
    loud = Run("test", path, "--verbose").out
    assert "→ User-Agent" not in loud
    assert "← content-type: application/json" in loud
    assert "\x1b" not in loud


def test_a_part_is_run_and_bail_stops(server: Server, tmp_path: Path) -> None:
    path = write(tmp_path, collection(server, FAIL, PASS))
    assert Run("test", path, "--request", "R1").code == 0
    stopped = Run("test", path, "--bail")
    assert ("C/R1" in stopped.out, "Stopped at the first failure" in stopped.out, stopped.code) == (False, True, 1)


def test_files_come_from_the_named_folder_only(server: Server, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.txt").write_text("hello")
    rows = [{"key": "f", "value": ["a.txt"], "active": True, "isFile": True}]
    request = samples.request(
        "R", endpoint=server.url + "/echo", method="POST", body={"contentType": "multipart/form-data", "body": rows}
    )
    path = write(tmp_path, samples.collection("C", request))
    assert Run("test", path, "--files", str(tmp_path / "data")).code == 0
    refused = Run("test", path, "--files", str(tmp_path / "data"), "--no-files")
    assert (refused.code, "may not take files" in refused.out) == (3, True)


def test_imports_can_be_forbidden(server: Server, tmp_path: Path) -> None:
    script = f'import x from "{server.url}/echo"; console.log(x)'
    run = Run("test", write(tmp_path, collection(server, script)), "--no-imports")
    assert (run.code, "imports are switched off (--no-imports)" in run.out) == (3, True)


def test_limits_of_scripts_name_the_script(server: Server, tmp_path: Path) -> None:
    path = write(
        tmp_path, collection(server, "while (true) {}", "const a = []; while (true) a.push('x'.repeat(1e6) + a.length)")
    )
    run = Run("test", path, "--script-timeout", "3", "--script-memory", "16")
    assert run.code == 3
    assert "C/R0: test script: Script execution failed: not finished after 3 s" in run.out
    assert "C/R1: test script: Script execution failed: more than 16 MB of memory" in run.out


def _interruptible() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_ends_with_what_was_done_and_130(server: Server, tmp_path: Path) -> None:
    made = collection(server, PASS, PASS)
    made["requests"][1]["endpoint"] = server.url + "/slow?s=10"
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "hopkey.cli", "test", write(tmp_path, made), "--reporter-json", str(report)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    # Where the tests run in the background, a shell may have them ignore Ctrl-C.
    with subprocess.Popen(command, text=True, preexec_fn=_interruptible, **pipes) as process:
        for _ in range(200):
            if len(server.seen) == 2:
                break
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Interrupted" in out
    assert "interrupted; the results are those of what was done" in err
    assert json.loads(report.read_text())["stopped"] == "interrupted"


def test_a_terminal_shows_colours_and_progress_and_a_pipe_shows_neither(server: Server, tmp_path: Path) -> None:
    made = collection(server, PASS, PASS, PASS)
    for request in made["requests"]:
        request["endpoint"] = server.url + "/slow?s=0.25"
    path = write(tmp_path, made)
    master, slave = pty.openpty()
    environ = {key: value for key, value in os.environ.items() if key not in ("CI", "NO_COLOR")} | {"TERM": "xterm"}
    command = [sys.executable, "-m", "hopkey.cli", "test", path]
    with subprocess.Popen(command, stdout=slave, stderr=slave, env=environ) as process:
        process.wait(30)
    os.close(slave)
    seen = b""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:
            break
        if not part:
            break
        seen += part
    os.close(master)
    assert b"\x1b[32m" in seen
    assert b"/3] C/R" in seen
    piped = subprocess.run(command, capture_output=True, env=environ, check=False)
    assert b"\x1b" not in piped.stdout + piped.stderr


@pytest.mark.parametrize("shell", completion.SHELLS)
def test_completion_names_every_command_and_option(shell: str) -> None:
    text = Run("completion", shell).out
    for word in ("whoami", "completion", "serve", "reporter-junit" if shell != "tcsh" else "test"):
        assert word in text
    if shell == "bash":
        done = subprocess.run(["bash", "-n"], input=text, text=True, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


def test_the_keyring_gives_the_token_of_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import keyring
    from keyring.backend import KeyringBackend

    class Ring(KeyringBackend):
        priority = 1.0  # type: ignore[assignment]

        def get_password(self, service: str, username: str) -> str | None:
            return "hkp_from-ring" if (service, username) == ("hopkey", "http://127.0.0.1:1") else None

        def set_password(self, service: str, username: str, password: str) -> None: ...

        def delete_password(self, service: str, username: str) -> None: ...

    monkeypatch.setattr(keyring.core, "_keyring_backend", Ring())
    found = Run("whoami", "--keyring", "--server", "http://127.0.0.1:1")
    assert (found.code, "SERVER_CONNECTION_REFUSED" in found.err) == (5, True)
    lost = Run("whoami", "--keyring", "--server", "http://127.0.0.1:2")
    assert (lost.code, "keyring set hopkey http://127.0.0.1:2" in lost.err) == (4, True)
    assert Run("whoami", "--keyring").code == 5


def test_output_that_cannot_be_written_is_no_fault_of_the_program(server: Server, tmp_path: Path) -> None:
    place = write(tmp_path, collection(server, PASS))
    command = [sys.executable, "-c", "from hopkey.cli.main import script; script()", "test", place]
    plain = {**os.environ, "PYTHONIOENCODING": "ascii"}
    ascii_ = subprocess.run(command, env=plain, capture_output=True, text=True, check=False)
    assert (ascii_.returncode, r"\u2714 good" in ascii_.stdout) == (0, True)
    for closed in (">&-", "2>&-"):
        shell = ["/bin/sh", "-c", f'exec "$@" {closed}', "sh", *command]
        quiet = subprocess.run(shell, capture_output=True, text=True, check=False)
        assert (quiet.returncode, "Traceback" in quiet.stderr) == (0, False)
    with open("/dev/full", "w") as full:
        filled = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (filled.returncode, filled.stderr.splitlines()[-1]) == (3, "ERROR_CODE: REPORT_EXPORT_FAILED")
    assert "Traceback" not in filled.stderr


def test_ctrl_c_does_not_wait_for_servers_that_say_nothing(server: Server, tmp_path: Path) -> None:
    request = samples.request("R", endpoint=f"{server.url}/slow?s=8")
    command = [sys.executable, "-m", "hopkey.cli", "test", write(tmp_path, samples.collection("C", request))]
    command += ["--iteration-count", "4", "--parallel", "2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        for _ in range(200):
            if len(server.seen) == 2:
                break
            time.sleep(0.05)
        start = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, time.monotonic() - start < 4) == (130, True), err
    assert "broke off" not in out + err


ENDLESS = {
    "a script that never ends": "while (true) {}",
    "a script that waits": "await new Promise((done) => setTimeout(done, 30000));",
    "a request of a script": "await hopp.fetch('{url}/slow?s=20');",
}


@pytest.mark.parametrize("side_by_side", [False, True], ids=["alone", "side by side"])
@pytest.mark.parametrize("name", ENDLESS)
def test_ctrl_c_ends_a_script_at_once(server: Server, tmp_path: Path, name: str, side_by_side: bool) -> None:
    script = "console.log('begun');" + ENDLESS[name].replace("{url}", server.url)
    first = samples.request("First", endpoint=f"{server.url}/ok")
    second = samples.request("Second", endpoint=f"{server.url}/ok", preRequestScript=script)
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "hopkey.cli", "test", write(tmp_path, samples.collection("C", first, second))]
    command += ["--script-timeout", "600", "--reporter-json", str(report)]
    command += ["--iteration-count", "4", "--parallel", "2"] if side_by_side else []
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, preexec_fn=_interruptible, **pipes) as process:
        for _ in range(200):
            if len(server.seen) >= (2 if side_by_side else 1):
                break
            time.sleep(0.05)
        time.sleep(1)
        start = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, time.monotonic() - start < 3) == (130, True), out + err
    told = json.loads(report.read_text())
    assert told["stopped"] == "interrupted"
    assert "Second" not in report.read_text(), "what was broken off says nothing of the server"
