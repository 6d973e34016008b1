"""The gate against a bare granian ASGI application that returns the same bytes: ratios inside one run.

    python bench/gate/run.py [--seconds 4] [--postgresql postgresql://postgres@127.0.0.1:5432/postgres]

Needs wrk. One process each, 32 connections, in turn: bare, gate, bare, gate, ... and the median of the ratios.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import re
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.support import samples  # noqa: E402
from tests.support.servers import HTTP, PASSWORD, Running, Site, free_port, site  # noqa: E402

SIZES = {"small (3 requests)": 3, "medium (200)": 200, "large (3,000)": 3000}
TARGETS = {"sqlite": {"small": 60, "large": 80, "unknown": 60}, "postgresql": {"small": 40, "large": 80, "unknown": 60}}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--databases", default="sqlite,postgresql")
    parser.add_argument("--tokens", type=int, default=1_000_000, help="rows for the cold verification")
    options = parser.parse_args()
    print("| database | what | bare, requests/s | gate, requests/s | ratio | p99, ms |")
    print("|---|---|---|---|---|---|")
    for database in options.databases.split(","):
        with tempfile.TemporaryDirectory(prefix="hopkey-bench-") as folder, site(Path(folder), database) as here:
            measure(here, database, options)
    return 0


def measure(here: Site, database: str, options: argparse.Namespace) -> None:
    here.user("ana@example.com")
    team = here.team("Bench", "ana@example.com")
    filler = "pw.test('status', () => { pw.expect(pw.response.status).toBe(200); });\n" * 8
    ids = {
        name: here.collection(
            team, samples.collection("C", *[samples.request(f"R{i}", testScript=filler) for i in range(count)])
        )
        for name, count in SIZES.items()
    }
    token = here.token("ana@example.com")["token"]
    gate = here.serve(HOPKEY_FAILED_TOKEN_LIMIT="0")
    for name, identity in ids.items():
        path = f"/v1/access-tokens/collection/{identity}"
        compare(database, name, gate.url + path, token, gate.get(path, token).data, 200, options)
    unknown = make_unknown(token)
    path = f"/v1/access-tokens/collection/{ids['small (3 requests)']}"
    body = gate.get(path, unknown).data
    compare(database, "unknown token", gate.url + path, unknown, body, 401, options)
    with saturated(gate):
        rate, p99 = wrk(gate.url + path, token, options.seconds)
    print(f"| {database} | small, Django saturated | | {rate:,.0f} | | {p99:.1f} |", flush=True)
    print(f"| {database} | resident memory of the process | | {resident(gate):.0f} MB | | |", flush=True)
    gate.stop()
    cold(here, database, ids["small (3 requests)"], options.tokens)


def compare(
    database: str, name: str, url: str, token: str, body: bytes, status: int, options: argparse.Namespace
) -> None:
    ratios, bares, gates, tails = [], [], [], []
    with bare(body, status) as bare_url:
        wrk(url, token, 1)
        for _ in range(options.rounds):
            one, _ = wrk(bare_url, token, options.seconds)
            two, p99 = wrk(url, token, options.seconds)
            ratios.append(two / one)
            bares.append(one)
            gates.append(two)
            tails.append(p99)
    ratio = statistics.median(ratios) * 100
    wanted = TARGETS[database].get(name.split()[0])
    mark = "" if wanted is None else (" ✔" if ratio >= wanted else f" (target {wanted} %)")
    cells = (f"{statistics.median(bares):,.0f}", f"{statistics.median(gates):,.0f}", f"{ratio:.0f} %{mark}")
    print(
        f"| {database} | {name}, {len(body) / 1024:,.0f} kB | {' | '.join(cells)} | {statistics.median(tails):.1f} |",
        flush=True,
    )


def wrk(url: str, token: str, seconds: int) -> tuple[float, float]:
    """Requests per second and the 99th percentile in milliseconds."""
    command = ["wrk", "-t1", "-c32", f"-d{seconds}s", "--latency", "-H", f"Authorization: Bearer {token}", url]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1))  # type: ignore[union-attr]
    value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", text).groups()  # type: ignore[union-attr]
    return rate, float(value) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit]


@contextlib.contextmanager
def bare(body: bytes, status: int) -> Iterator[str]:
    with tempfile.NamedTemporaryFile() as file:
        file.write(body)
        file.flush()
        port = free_port()
        command = [str(Path(sys.executable).parent / "granian"), "--interface", "asgi", "--port", str(port)]
        command += ["--http", "1", "--no-ws", "--workers", "1", "--log-level", "error", "bare:application"]
        environ = {**os.environ, "BENCH_BODY": file.name, "BENCH_STATUS": str(status)}
        process = subprocess.Popen(command, cwd=Path(__file__).parent, env=environ)
        url = f"http://127.0.0.1:{port}/"
        try:
            for _ in range(200):
                with contextlib.suppress(Exception):
                    HTTP.request("GET", url)
                    break
                time.sleep(0.05)
            yield url
        finally:
            process.terminate()
            process.wait(10)


@contextlib.contextmanager
def saturated(gate: Running) -> Iterator[None]:
    """The token page asked for by eight connections without a pause, by somebody who is signed in."""
    form = HTTP.request("GET", f"{gate.url}/sign-in")
    csrf = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form.data.decode()).group(1)  # type: ignore[union-attr]
    cookie = form.headers["Set-Cookie"].split(";")[0]
    fields = {"login": "ana@example.com", "password": PASSWORD, "csrfmiddlewaretoken": csrf}
    headers = {"Cookie": cookie, "Referer": f"{gate.url}/sign-in"}
    done = HTTP.request("POST", f"{gate.url}/sign-in", fields=fields, headers=headers, redirect=False)
    session = "; ".join(part.split(";")[0] for part in done.headers.getlist("Set-Cookie"))
    assert "hopkey_session" in session, done.status
    command = ["wrk", "-t1", "-c8", "-d60s", "-H", f"Cookie: {session}", f"{gate.url}/profile/tokens"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    time.sleep(1)
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


def resident(gate: Running) -> float:
    """Megabytes of the largest process of the server."""
    parent = str(gate.process.pid)
    children = subprocess.run(["pgrep", "-P", parent], capture_output=True, text=True, check=False).stdout.split()
    sizes = []
    for pid in children:
        status = Path(f"/proc/{pid}/status").read_text()
        sizes.append(int(re.search(r"VmRSS:\s+(\d+)", status).group(1)))  # type: ignore[union-attr]
    return max(sizes) / 1024


def make_unknown(token: str) -> str:
    from hopkey.server.tokens.format import checksum

    body = token[:17] + secrets.token_hex(16)
    return body + checksum(body)


def cold(here: Site, database: str, collection: str, many: int) -> None:
    """Verification of tokens that no cache knows, with 1,000 and with `many` tokens in the table."""
    probe = Path(__file__).with_name("cold.py")
    tokens = [known_token(number) for number in range(900)]  # with what is there not more than a policy can allow
    times: dict[str, list[float]] = {"": [], ", with a policy": []}
    for count in (1000, many):
        seed(here, tokens, count)
        for policy, found in times.items():
            set_policy(here, bool(policy))
            done = subprocess.run(
                [sys.executable, str(probe), collection],
                input="\n".join(tokens),
                env=here.environ,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            found.append(json.loads(done.stdout))
    for policy, (few, lots) in times.items():
        mark = " ✔" if lots / few <= 1.3 else " (target 1.3)"
        text = f"{few:.1f} µs at 1,000 tokens, {lots:.1f} µs at {many:,}"
        print(f"| {database} | cold verification{policy} | | {text} | {lots / few:.2f} times{mark} | |", flush=True)


def set_policy(here: Site, there: bool) -> None:
    """One that has to count the owner's tokens and to know their last uses."""
    here.sql("DELETE FROM hopkey_token_policy")
    if there:
        here.sql(
            "INSERT INTO hopkey_token_policy "
            "(id, max_days, never_allowed, tokens_per_user, unused_days, networks, label_pattern, changed_at) "
            f"VALUES (1, NULL, {'true' if here.database_url else 1}, 1000, 36500, '[]', '', '2026-01-01')"
        )


def known_token(number: int) -> str:
    from hopkey.server.tokens.format import checksum

    body = f"hkp_b{number:011d}_{'0' * 32}"
    return body + checksum(body)


def seed(here: Site, tokens: list[str], count: int) -> None:
    """Fill the token table up to `count` rows, past the change log: nobody serves.

    The first rows are `tokens`, the rest have digests of anything.
    """
    have = here.sql("SELECT count(*) FROM hopkey_token")[0][0]
    user = here.sql("SELECT id FROM hopkey_user")[0][0]
    columns = "(public_id, digest, label, owner_id, created_at, expires_at, restricted, networks)"
    rest = f"'bench', '{user}', '2026-01-01', NULL, "
    known = (
        [(token[4:16], hashlib.sha256(token.encode()).hexdigest()) for token in tokens] if have < len(tokens) else []
    )
    if here.database_url:
        values = ", ".join(f"('{public}', '\\x{digest}', {rest}false, '[]')" for public, digest in known)
        filler = (
            f"SELECT 'c' || lpad(i::text, 11, '0'), sha256(i::text::bytea), {rest}false, '[]' "
            f"FROM generate_series({have + len(known)}, {count}) i"
        )
        here.sql("ALTER TABLE hopkey_token DISABLE TRIGGER USER")
    else:
        values = ", ".join(f"('{public}', x'{digest}', {rest}0, '[]')" for public, digest in known)
        filler = (
            f"WITH RECURSIVE n(i) AS (SELECT {have + len(known)} UNION ALL SELECT i + 1 FROM n WHERE i < {count}) "
            f"SELECT 'c' || printf('%011d', i), randomblob(32), {rest}0, '[]' FROM n"
        )
        for name in ("hopkey_change_hopkey_token_insert", "hopkey_change_hopkey_token_replace_insert"):
            here.sql(f"DROP TRIGGER IF EXISTS {name}")
    if values:
        here.sql(f"INSERT INTO hopkey_token {columns} VALUES {values}")
    here.sql(f"INSERT INTO hopkey_token {columns} {filler}")
    here.sql(
        "INSERT INTO hopkey_token_use (token_id, idle_since, address, agent) SELECT id, created_at, '', '' "
        "FROM hopkey_token t WHERE NOT EXISTS (SELECT 1 FROM hopkey_token_use u WHERE u.token_id = t.id)"
    )
    if here.database_url:
        here.sql("ALTER TABLE hopkey_token ENABLE TRIGGER USER")
        here.sql("ANALYZE hopkey_token")


if __name__ == "__main__":
    sys.exit(main())
