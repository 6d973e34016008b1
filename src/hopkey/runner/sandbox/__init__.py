"""The script sandbox: QuickJS as WebAssembly under wasmtime.

Import `hopkey.runner.sandbox.sandbox` only when there is a script to run: it brings wasmtime.
"""

from hopkey.runner.sandbox.types import (
    Expectation,
    Fetch,
    FetchRequest,
    FetchResponse,
    Limits,
    Outcome,
    Script,
    ScriptError,
    ScriptResponse,
    TestBlock,
)

__all__ = [
    "Expectation",
    "Fetch",
    "FetchRequest",
    "FetchResponse",
    "Limits",
    "Outcome",
    "Script",
    "ScriptError",
    "ScriptResponse",
    "TestBlock",
]
