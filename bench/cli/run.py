"""The command against the official one: wall time and memory, in turn, on a local echo server.

    HOPKEY_OFFICIAL_CLI=FOLDER python bench/cli/run.py [--runs 5] [--hopkey /path/to/installed/hopkey]

tests/official/README.md says how to install the official command. For figures that count, name a `hopkey` that was
installed from its wheel: in a checkout Python may compile every module anew at each start.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.runner.server import serving  # noqa: E402
from tests.support import samples  # noqa: E402
from tests.support.needs import official_cli  # noqa: E402
from tests.support.servers import HOPKEY  # noqa: E402

PRE = 'pw.env.set("seen", "1");'
TEST = """
pw.test("answered", () => { pw.expect(pw.response.status).toBe(200); pw.expect(pw.response.body.method).toBe("GET"); });
pm.test("in time", () => { pm.response.to.have.status(200); });
"""
TARGETS = {"--version": (8, 5), "1 request": (8, None), "1 request, nothing cached": (4, None), "100 requests": (20, 4)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--hopkey", help="the command to measure")
    options = parser.parse_args()
    ours = [options.hopkey] if options.hopkey else HOPKEY
    theirs = official_cli()
    print("| what | official, s | hopkey, s | ratio | official, MB | hopkey, MB | ratio |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder, serving() as server:
        files = {count: collection(Path(folder), server.url, count) for count in (1, 100, 1000)}
        cache = Path(folder) / "cache"
        environ = {**os.environ, "XDG_CACHE_HOME": str(cache), "NO_COLOR": "1"}

        def forget() -> None:
            shutil.rmtree(cache, ignore_errors=True)

        compare("--version", [*theirs, "--ver"], [*ours, "--version"], options.runs, environ)
        for count in (1, 100):
            name = f"{count} request{'s' if count > 1 else ''}"
            compare(name, [*theirs, "test", files[count]], [*ours, "test", files[count]], options.runs, environ)
            if count == 1:
                cold = f"{name}, nothing cached"
                compare(cold, [*theirs, "test", files[1]], [*ours, "test", files[1]], options.runs, environ, forget)
        times = [measure([*ours, "test", files[1000]], environ) for _ in range(3)]
        seconds, peak = (statistics.median(values) for values in zip(*times, strict=True))
        print(f"| 1,000 requests | | {seconds:.2f} | | | {peak:.0f} | |", flush=True)
        clients(server.url)
    return 0


def collection(folder: Path, url: str, count: int) -> str:
    requests = [
        samples.request(f"R{index}", endpoint=f"{url}/echo?i={index}", preRequestScript=PRE, testScript=TEST)
        for index in range(count)
    ]
    path = folder / f"{count}.json"
    path.write_text(json.dumps(samples.collection("Bench", *requests)))
    return str(path)


def compare(
    name: str,
    theirs: list[str],
    ours: list[str],
    runs: int,
    environ: dict[str, str],
    before: Callable[[], None] = lambda: None,
) -> None:
    measure(theirs, environ)
    measure(ours, environ)
    pairs = []
    for _ in range(runs):
        one = measure(theirs, environ)
        before()
        pairs.append((one, measure(ours, environ)))
    seconds = [statistics.median(pair[side][0] for pair in pairs) for side in (0, 1)]
    peaks = [statistics.median(pair[side][1] for pair in pairs) for side in (0, 1)]
    fast, small = TARGETS[name]
    ratio = statistics.median(pair[0][0] / pair[1][0] for pair in pairs)
    cells = [f"{seconds[0]:.2f}", f"{seconds[1]:.3f}", f"1/{ratio:.1f} (1/{fast}) {'✔' if ratio >= fast else '✖'}"]
    less = peaks[0] / peaks[1]
    goal = "" if small is None else f" (1/{small}) {'✔' if less >= small else '✖'}"
    cells += [f"{peaks[0]:.0f}", f"{peaks[1]:.0f}", f"1/{less:.1f}{goal}"]
    print(f"| {name} | {' | '.join(cells)} |", flush=True)


def measure(command: list[str], environ: dict[str, str]) -> tuple[float, float]:
    """Wall seconds, and megabytes of all processes of the command together at their highest."""
    start = time.perf_counter()
    process = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = [0.0]
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.01):
            peak[0] = max(peak[0], tree_memory(process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    process.wait()
    seconds = time.perf_counter() - start
    ended.set()
    watcher.join()
    assert process.returncode == 0, (command, process.returncode)
    return seconds, peak[0] or resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def tree_memory(pid: int) -> float:
    total, waiting = 0.0, [pid]
    while waiting:
        one = waiting.pop()
        try:
            for line in Path(f"/proc/{one}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    total += int(line.split()[1]) / 1024
            for task in Path(f"/proc/{one}/task").iterdir():
                waiting += [int(child) for child in (task / "children").read_text().split()]
        except (OSError, ValueError):
            continue
    return total


def clients(url: str) -> None:
    """HTTP clients that are installed here: milliseconds to import, and for each request on a kept connection."""
    bodies = {
        "urllib3": "pool = urllib3.PoolManager(); ask = lambda: pool.request('GET', url).data",
        "httpx": "client = httpx.Client(); ask = lambda: client.get(url).content",
        "requests": "session = requests.Session(); ask = lambda: session.get(url).content",
        "niquests": "session = niquests.Session(); ask = lambda: session.get(url).content",
        "http.client": "c = http.client.HTTPConnection(host)\ndef ask():\n    c.request('GET', '/echo'); return c.getresponse().read()",
    }
    print("\n| HTTP client | import, ms | request, ms |")
    print("|---|---|---|")
    for name, body in bodies.items():
        script = (
            f"import time; a = time.perf_counter(); import {name}; b = time.perf_counter(); url = {url + '/echo'!r}; "
            f"host = {url.removeprefix('http://')!r}\n{body}\nask()\nc0 = time.perf_counter()\n"
            "for _ in range(300): ask()\nprint((b - a) * 1000, (time.perf_counter() - c0) / 300 * 1000)"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            load, each = map(float, done.stdout.split())
            print(f"| {name} | {load:.0f} | {each:.2f} |")


if __name__ == "__main__":
    sys.exit(main())
