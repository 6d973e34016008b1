"""Reading collections of any version, 1 to 12 and before, and writing them in the newest schema."""

from __future__ import annotations

from typing import Any

import msgspec

from hopkey.formats import reading
from hopkey.formats.errors import FormatError
from hopkey.formats.model import COLLECTION_VERSION, Collection, Json, Variable
from hopkey.formats.requests import auth_read, key_value_dump, request_dump, request_read

MAX_DEPTH = 64
MAX_NODES = 100_000


def parse(data: bytes | str) -> Any:
    """JSON text as plain values. Raises `FormatError` naming the place of the fault."""
    if isinstance(data, bytes) and data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        # msgspec repeats itself: "JSON is malformed: invalid character (byte 0)".
        raise FormatError(f"not valid JSON: {str(error).removeprefix('JSON is malformed: ')}") from None
    except RecursionError:
        raise FormatError("nested too deeply") from None


def collections_load(data: bytes | str) -> list[Collection]:
    """The collections of a file: one object, or an array of them (a workspace export). Raises `FormatError`."""
    return collections_read(parse(data))


def collections_read(value: Any) -> list[Collection]:
    """`collections_load` for JSON that is parsed already."""
    counter = [0]
    if isinstance(value, list):
        if not value:
            raise FormatError("there is no collection in it")
        return [_read(item, f"$[{index}]", 0, counter) for index, item in enumerate(value)]
    return [_read(value, "$", 0, counter)]


def collection_dump(collection: Collection) -> Json:
    """The collection as JSON in the newest schema: `collections_read` gives the same collection back."""
    result: Json = {
        "v": COLLECTION_VERSION,
        "name": collection.name,
        "folders": [collection_dump(folder) for folder in collection.folders],
        "requests": [request_dump(request) for request in collection.requests],
        **collection_data_dump(collection),
    }
    if collection.id is not None:
        result["id"] = collection.id
    if collection.ref_id is not None:
        result["_ref_id"] = collection.ref_id
    return result


def collection_data_dump(collection: Collection) -> Json:
    """What a collection has besides its name and content: auth, headers, variables, description, scripts."""
    return {
        "auth": collection.auth,
        "headers": [key_value_dump(item) for item in collection.headers],
        "variables": [variable_dump(item) for item in collection.variables],
        "description": collection.description,
        "preRequestScript": collection.pre_request_script,
        "testScript": collection.test_script,
    }


def variable_dump(variable: Variable) -> Json:
    return {
        "key": variable.key,
        "initialValue": variable.initial_value,
        "currentValue": variable.current_value,
        "secret": variable.secret,
    }


def collection_of(data: Json, place: str, *, folders: tuple[Collection, ...], requests: Any) -> Collection:
    """A collection from its own fields and its content, which has been read already. Raises `FormatError`."""
    return Collection(
        name=data["name"],
        folders=folders,
        requests=tuple(requests),
        auth=auth_read(data.get("auth"), f"{place}.auth"),
        headers=reading.key_values(data, "headers", place),
        variables=reading.variables(data, place),
        description=reading.optional_text(data, "description"),
        pre_request_script=reading.text(data, "preRequestScript"),
        test_script=reading.text(data, "testScript"),
        id=reading.optional_text(data, "id"),
        ref_id=reading.optional_text(data, "_ref_id"),
    )


def _read(value: Any, place: str, depth: int, counter: list[int]) -> Collection:
    data = reading.object_at(value, place, "a collection")
    if depth > MAX_DEPTH:
        raise FormatError(f"folders are nested deeper than {MAX_DEPTH} levels", place)
    version = data.get("v", 1)
    if isinstance(version, bool) or not isinstance(version, int) or not 0 <= version <= COLLECTION_VERSION:
        raise FormatError(
            f"collection version {version!r} is not known; the newest is {COLLECTION_VERSION}", f"{place}.v"
        )
    if not isinstance(data.get("name"), str):
        raise FormatError("a collection needs a name", f"{place}.name")
    if "requests" not in data and "folders" not in data:
        raise FormatError("a collection needs requests or folders", place)
    folders = reading.array_at(data, "folders", place)
    requests = reading.array_at(data, "requests", place)
    counter[0] += len(folders) + len(requests)
    if counter[0] > MAX_NODES:
        raise FormatError(f"more than {MAX_NODES} folders and requests", place)
    return collection_of(
        data,
        place,
        folders=tuple(
            _read(item, f"{place}.folders[{index}]", depth + 1, counter) for index, item in enumerate(folders)
        ),
        requests=(request_read(item, f"{place}.requests[{index}]") for index, item in enumerate(requests)),
    )
