"""QuickJS under wasmtime: one instance per script, restored from a snapshot of memory.

The engine is the release-sync build of quickjs-emscripten. Its imports and exports carry the one-letter names that
build gave them, listed here once; the build hook pins the file by its SHA-256, so that they cannot shift.
"""

from __future__ import annotations

import ctypes
import json
import struct
import sys
import time
from collections.abc import Callable
from typing import Any

import wasmtime
from wasmtime._ffi import wasmtime_func_call, wasmtime_val_t
from wasmtime._func import enter_wasm

PAGE = 65536
_ZEROS = bytes(65536)
_CHUNK = len(_ZEROS)  # of a snapshot: stretches of zeros shorter than this are written like anything else
INITIAL_PAGES = 256  # 16 MiB: what the engine declares

# Exports, by the names of quickjs-emscripten's C interface.
_EXPORTS = {
    "initialise": "u",
    "malloc": "v",
    "free": "M",
    "RuntimeSetMemoryLimit": "y",
    "RuntimeSetMaxStackSize": "D",
    "GetUndefined": "E",
    "NewRuntime": "K",
    "NewContext": "N",
    "NewString": "_",
    "GetString": "$",
    "IsJobPending": "fa",
    "ExecutePendingJob": "ga",
    "GetProp": "ha",
    "SetProp": "ja",
    "Call": "ma",
    "ResolveException": "na",
    "Dump": "oa",
    "Eval": "pa",
    "GetGlobalObject": "ua",
    "NewFunction": "Da",
    "ArgvGetJSValueConstPointer": "Ea",
    "RuntimeEnableModuleLoader": "Ha",
}

ALL_INTRINSICS = 0xFFFFFFFF & ~0
_HOST_CALL_ID = 1


class Trap(Exception):
    """The engine stopped: out of time, out of memory or stack, or at a fault of its own."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class JavaScriptError(Exception):
    """An exception of the script: ``text`` is a JSON object with name, message and stack, as QuickJS dumps it."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class Snapshot:
    """Memory of an engine with the prelude loaded, and the addresses of what the host calls there."""

    __slots__ = ("chunks", "context", "functions", "pages", "runtime", "scratch", "undefined")

    def __init__(
        self,
        pages: int,
        chunks: list[tuple[int, bytes]],
        runtime: int,
        context: int,
        undefined: int,
        scratch: int,
        functions: dict[str, int],
    ) -> None:
        self.pages = pages
        self.chunks = chunks
        self.runtime = runtime
        self.context = context
        self.undefined = undefined
        self.scratch = scratch
        self.functions = functions

    def dump(self, key: str) -> bytes:
        """The snapshot as bytes: a line of JSON, then the memory. `key` names what it was made of."""
        head = {
            "key": key,
            "pages": self.pages,
            "chunks": [[offset, len(data)] for offset, data in self.chunks],
            "addresses": [self.runtime, self.context, self.undefined, self.scratch],
            "functions": self.functions,
        }
        return json.dumps(head).encode() + b"\n" + b"".join(data for _, data in self.chunks)

    @classmethod
    def load(cls, dumped: bytes, key: str) -> Snapshot | None:
        """The snapshot of `dump`; None where the bytes are not whole, or made of something else."""
        line, _, memory = dumped.partition(b"\n")
        try:
            head = json.loads(line)
            if head["key"] != key:
                return None
            chunks, at = [], 0
            for offset, size in head["chunks"]:
                chunks.append((offset, memory[at : at + size]))
                at += size
            if at != len(memory):
                return None
            runtime, context, undefined, scratch = head["addresses"]
            return cls(head["pages"], chunks, runtime, context, undefined, scratch, head["functions"])
        except (ValueError, KeyError, TypeError):
            return None


class Machine:
    """One instance of the engine. Not for several threads."""

    def __init__(
        self,
        engine: wasmtime.Engine,
        module: wasmtime.Module,
        *,
        maximum_pages: int,
        host_call: Callable[[str, str], str],
        module_source: Callable[[str, str], str],
        snapshot: Snapshot | None = None,
        deadline_ticks: int = 1 << 40,
    ) -> None:
        self._host_call = host_call
        self._module_source = module_source
        self._store = wasmtime.Store(engine)
        self._store.set_epoch_deadline(deadline_ticks)
        pages = snapshot.pages if snapshot else INITIAL_PAGES
        limits = wasmtime.Limits(pages, max(maximum_pages, pages))
        self._memory = wasmtime.Memory(self._store, wasmtime.MemoryType(limits))
        self._maximum_pages = max(maximum_pages, pages)
        linker = wasmtime.Linker(engine)
        linker.define(self._store, "a", "a", self._memory)
        self._define_imports(linker, module)
        exports = linker.instantiate(self._store, module).exports(self._store)
        self._functions = {name: _bound(exports[short], self._store) for name, short in _EXPORTS.items()}
        if snapshot is None:
            self.call("initialise")
            self.runtime = self.call("NewRuntime")
            self.context = self.call("NewContext", self.runtime, 0)
            self._undefined = self.call("GetUndefined")
            # A place for arguments and results of calls: asked for once, it is part of every snapshot.
            self._scratch = self.call("malloc", 64)
        else:
            self._fill(snapshot)

    def close(self) -> None:
        """Give the memory back. The machine is not used afterwards."""
        self._store.close()

    def restore(self, snapshot: Snapshot, *, deadline_ticks: int) -> None:
        """Start anew from `snapshot`, nothing of what ran here left. Only after a run that came to its end."""
        base = ctypes.addressof(self._memory.data_ptr(self._store).contents)
        end = 0
        for offset, data in snapshot.chunks:  # what the snapshot covers is written over below
            _wipe(base + end, offset - end)
            end = offset + len(data)
        _wipe(base + end, self._memory.data_len(self._store) - end)
        self._store.set_epoch_deadline(deadline_ticks)
        self._fill(snapshot)

    def _fill(self, snapshot: Snapshot) -> None:
        base = ctypes.addressof(self._memory.data_ptr(self._store).contents)
        for offset, data in snapshot.chunks:
            ctypes.memmove(base + offset, data, len(data))
        self.runtime, self.context = snapshot.runtime, snapshot.context
        self._undefined, self._scratch = snapshot.undefined, snapshot.scratch

    def call(self, name: str, *arguments: Any) -> int:
        """Call an export. Raises `Trap`."""
        try:
            result = self._functions[name](*arguments)
        except wasmtime.Trap as error:
            if error.trap_code is wasmtime.TrapCode.INTERRUPT:
                raise Trap("timeout", "out of time") from None
            if error.trap_code is wasmtime.TrapCode.STACK_OVERFLOW:
                raise Trap("memory", "Maximum call stack size exceeded") from None
            raise Trap("engine", "the script engine stopped at a fault") from None
        except wasmtime.WasmtimeError as error:
            raise Trap("engine", str(error).splitlines()[0]) from None
        return int(result) if result is not None else 0

    def set_limits(self, memory_bytes: int, stack_bytes: int) -> None:
        self.call("RuntimeSetMemoryLimit", self.runtime, memory_bytes)
        self.call("RuntimeSetMaxStackSize", self.runtime, stack_bytes)

    def new_text(self, text: str) -> int:
        """A JavaScript string; the address of its value."""
        address, _ = self._write(text)
        value = self.call("NewString", self.context, address)
        self.call("free", address)
        return value

    def text_of(self, value: int) -> str:
        return self._read_text(self.call("GetString", self.context, value))

    def evaluate(self, source: str, filename: str) -> int:
        """Evaluate a script in the global scope; the address of the result. Raises `JavaScriptError`, `Trap`."""
        code, length = self._write(source)
        name, _ = self._write(filename)
        value = self.call("Eval", self.context, code, length, name, 0, 0)
        self.call("free", code)
        self.call("free", name)
        return self._checked(value)

    def invoke(self, function: int, *arguments: int) -> int:
        """Call a JavaScript function value; the address of the result. Raises `JavaScriptError`, `Trap`."""
        if arguments:
            self._memory.write(self._store, struct.pack(f"<{len(arguments)}I", *arguments), self._scratch)
        value = self.call("Call", self.context, function, self._undefined, len(arguments), self._scratch)
        return self._checked(value)

    def global_function(self, name: str) -> int:
        """The address of a property of the global object."""
        return self.call("GetProp", self.context, self.call("GetGlobalObject", self.context), self.new_text(name))

    def add_host_call(self, name: str) -> None:
        """Put a function (operation, argument) -> text into the global object; it calls the host and must not throw."""
        address, _ = self._write(name)
        function = self.call("NewFunction", self.context, address, 2, 0, _HOST_CALL_ID)
        target = self.call("GetGlobalObject", self.context)
        self.call("SetProp", self.context, target, self.new_text(name), function)

    def enable_modules(self) -> None:
        self.call("RuntimeEnableModuleLoader", self.runtime, 1)

    def run_jobs(self) -> None:
        """Run promise reactions until none is left. Raises `JavaScriptError`, `Trap`."""
        while self.call("IsJobPending", self.runtime):
            value = self.call("ExecutePendingJob", self.runtime, 1000, self._scratch)
            self._checked(value)

    def snapshot(self, functions: dict[str, int]) -> Snapshot:
        """Memory as it is now, long stretches of zeros left out; `functions` go with it."""
        size = self._memory.data_len(self._store)
        base = ctypes.addressof(self._memory.data_ptr(self._store).contents)
        chunks: list[tuple[int, bytes]] = []
        for offset in range(0, size, _CHUNK):
            data = ctypes.string_at(base + offset, min(_CHUNK, size - offset))
            if data == _ZEROS[: len(data)]:
                continue
            if chunks and chunks[-1][0] + len(chunks[-1][1]) == offset:
                chunks[-1] = (chunks[-1][0], chunks[-1][1] + data)
            else:
                chunks.append((offset, data))
        return Snapshot(size // PAGE, chunks, self.runtime, self.context, self._undefined, self._scratch, functions)

    def _checked(self, value: int) -> int:
        error = self.call("ResolveException", self.context, value)
        if error:
            raise JavaScriptError(self._read_text(self.call("Dump", self.context, error)))
        return value

    def _write(self, text: str) -> tuple[int, int]:
        data = text.encode("utf-8", "surrogatepass")
        address = self.call("malloc", len(data) + 1)
        if not address:
            raise Trap("memory", "out of memory")
        self._memory.write(self._store, data + b"\0", address)
        return address, len(data)

    def _read_text(self, address: int) -> str:
        if not address:
            return ""
        size = self._memory.data_len(self._store)
        pieces = []
        while address < size:
            piece = bytes(self._memory.read(self._store, address, min(address + 65536, size)))
            end = piece.find(b"\0")
            if end >= 0:
                pieces.append(piece[:end])
                break
            pieces.append(piece)
            address += len(piece)
        return b"".join(pieces).decode("utf-8", "replace")

    def _define_imports(self, linker: wasmtime.Linker, module: wasmtime.Module) -> None:
        handlers: dict[str, Callable[..., Any]] = {
            "m": self._local_time,
            "n": self._time_zone,
            "p": lambda: time.time() * 1000,
            "k": self._grow,
            "e": lambda *_: 0,
            "f": self._environ_sizes,
            "d": lambda *_: 52,
            "o": lambda *_: 70,
            "c": self._discard_output,
            "j": lambda *_: 0,
            "l": lambda: None,
            "s": self._callback,
            "i": lambda *_: 0,
            "h": self._load_module,
            "g": self._normalise_module,
            "t": lambda *_: None,
        }
        for item in module.imports:
            if item.name == "a":
                continue
            kind = item.type
            if isinstance(kind, wasmtime.FuncType) and item.name is not None:
                handler = handlers.get(item.name, _abort)
                linker.define(self._store, "a", item.name, wasmtime.Func(self._store, kind, handler))

    def _write_ints(self, address: int, *values: int) -> None:
        self._memory.write(self._store, struct.pack(f"<{len(values)}i", *values), address)

    def _local_time(self, seconds: int, address: int) -> None:
        try:
            parts = time.localtime(seconds)
        except (OverflowError, OSError, ValueError):
            parts = time.gmtime(0)
        weekday = (parts.tm_wday + 1) % 7
        fields = (parts.tm_sec, parts.tm_min, parts.tm_hour, parts.tm_mday, parts.tm_mon - 1, parts.tm_year - 1900)
        self._write_ints(address, *fields, weekday, parts.tm_yday - 1, parts.tm_isdst, parts.tm_gmtoff or 0)

    def _time_zone(self, offset: int, daylight: int, standard_name: int, daylight_name: int) -> None:
        self._write_ints(offset, time.timezone)
        self._write_ints(daylight, time.daylight)
        for address, name in ((standard_name, time.tzname[0]), (daylight_name, time.tzname[-1])):
            self._memory.write(self._store, name.encode("ascii", "replace")[:16] + b"\0", address)

    def _environ_sizes(self, count: int, size: int) -> int:
        self._write_ints(count, 0)
        self._write_ints(size, 0)
        return 0

    def _discard_output(self, _descriptor: int, vectors: int, count: int, written: int) -> int:
        total = 0
        for index in range(max(0, min(count, 1024))):
            entry = bytes(self._memory.read(self._store, vectors + 8 * index, vectors + 8 * index + 8))
            total += struct.unpack("<II", entry)[1]
        self._write_ints(written, total & 0x7FFFFFFF)
        return 0

    def _grow(self, size: int) -> int:
        wanted = -(-(size & 0xFFFFFFFF) // PAGE)
        have = self._memory.size(self._store)
        if wanted > self._maximum_pages:
            return 0
        target = min(max(wanted, have + have // 5), self._maximum_pages)
        try:
            self._memory.grow(self._store, target - have)
        except wasmtime.WasmtimeError:
            return 0
        return 1

    def _callback(self, _context: int, _this: int, _count: int, arguments: int, _function: int) -> int:
        operation = self.text_of(self.call("ArgvGetJSValueConstPointer", arguments, 0))
        argument = self.text_of(self.call("ArgvGetJSValueConstPointer", arguments, 1))
        return self.new_text(self._host_call(operation, argument))

    def _load_module(self, _runtime: int, _context: int, name: int) -> int:
        return self._write(self._module_source("load", self._read_text(name)))[0]

    def _normalise_module(self, _runtime: int, _context: int, base: int, name: int) -> int:
        return self._write(self._module_source(self._read_text(base), self._read_text(name)))[0]


def _bound(function: Any, store: wasmtime.Store) -> Callable[..., Any]:
    """`function`, called without asking it for its types each time: a script makes a dozen calls."""
    kind = function.type(store)
    types = [str(item) for item in (*kind.params, *kind.results)]
    if types != ["i32"] * len(types) or len(kind.results) > 1:
        return lambda *arguments: function(store, *arguments)
    count, returns = len(kind.params), len(kind.results)
    # Arguments are taken before the call, and the result is read right after it: calls within a call do no harm.
    values, results = (wasmtime_val_t * count)(), (wasmtime_val_t * 1)()
    target, context = ctypes.byref(function._func), store._context()

    def call(*arguments: int) -> Any:
        if len(arguments) != count:
            raise TypeError(f"{count} arguments are needed, not {len(arguments)}")
        for index, argument in enumerate(arguments):
            values[index].of.i32 = argument
        with enter_wasm(store) as trap:
            error = wasmtime_func_call(context, target, values, count, results, returns, trap)
            if error:
                raise wasmtime.WasmtimeError._from_ptr(error)
        return results[0].of.i32 if returns else None

    return call


_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_MADV_DONTNEED = 4


def _wipe(address: int, size: int) -> None:
    """Make memory zero. Pages of Linux are given back instead: the kernel brings them zeroed when they are touched."""
    if size <= 0:
        return
    if _LIBC is None or _LIBC.madvise(ctypes.c_void_p(address), ctypes.c_size_t(size), _MADV_DONTNEED) != 0:
        ctypes.memset(address, 0, size)


def _abort(*_: Any) -> None:
    raise wasmtime.WasmtimeError("the script engine stopped at a fault")
