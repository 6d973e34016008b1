"""The computing side of ``crypto.subtle`` (W3C Web Cryptography), on the `cryptography` library.

Every operation takes and gives plain values. Bytes arrive as ``{"$bytes": base64}`` and leave as base64; a key is its
type, its algorithm and its material, which only the prelude of the sandbox ever holds.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
from collections.abc import Callable
from typing import Any

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, keywrap, serialization
from cryptography.hazmat.primitives import padding as block_padding
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

MAX_ITERATIONS = 5_000_000
MAX_MODULUS_BITS = 4096
_HASHES: dict[str, type[hashes.HashAlgorithm]] = {
    "SHA-1": hashes.SHA1,
    "SHA-256": hashes.SHA256,
    "SHA-384": hashes.SHA384,
    "SHA-512": hashes.SHA512,
}
_CURVES: dict[str, type[ec.EllipticCurve]] = {"P-256": ec.SECP256R1, "P-384": ec.SECP384R1, "P-521": ec.SECP521R1}
_NAMES = {
    name.upper(): name
    for name in (
        "AES-CBC", "AES-CTR", "AES-GCM", "AES-KW", "ECDH", "ECDSA", "Ed25519", "HKDF", "HMAC", "PBKDF2", "RSA-OAEP",
        "RSA-PSS", "RSASSA-PKCS1-v1_5", "SHA-1", "SHA-256", "SHA-384", "SHA-512", "X25519",
    )
}  # fmt: skip
Algorithm = dict[str, Any]
Key = dict[str, Any]


def perform(operation: str, argument: Any) -> Any:
    """One operation of ``crypto.subtle``. Raises `ValueError` with a message for the author of the script."""
    given = _decoded(argument)
    if "algorithm" in given:
        given["algorithm"] = _normalised(given["algorithm"])
    try:
        result = _OPERATIONS[operation](given)
    except KeyError as error:
        raise ValueError(f"{error.args[0]} is missing or not supported") from None
    except InvalidTag:
        raise ValueError("The operation failed: the data was changed, or the key is another") from None
    except (TypeError, OverflowError) as error:
        raise ValueError(str(error)) from None
    return _base64(result) if isinstance(result, bytes) else result


def _digest(given: Algorithm) -> bytes:
    name = given["algorithm"]["name"]
    if name not in _HASHES:
        raise ValueError("Unrecognized algorithm name")
    return hashlib.new(name.replace("-", "").lower(), given["data"]).digest()


def _encrypt(given: Algorithm) -> bytes:
    algorithm, key, data = given["algorithm"], given["key"], given["data"]
    match algorithm["name"]:
        case "AES-GCM":
            cipher = Cipher(algorithms.AES(_secret(key)), modes.GCM(algorithm["iv"])).encryptor()
            cipher.authenticate_additional_data(algorithm.get("additionalData", b""))
            text = cipher.update(data) + cipher.finalize()
            return text + cipher.tag[: algorithm.get("tagLength", 128) // 8]
        case "AES-CBC":
            padder = block_padding.PKCS7(128).padder()
            encryptor = Cipher(algorithms.AES(_secret(key)), modes.CBC(algorithm["iv"])).encryptor()
            return encryptor.update(padder.update(data) + padder.finalize()) + encryptor.finalize()
        case "AES-CTR":
            encryptor = Cipher(algorithms.AES(_secret(key)), modes.CTR(algorithm["counter"])).encryptor()
            return encryptor.update(data) + encryptor.finalize()
        case "AES-KW":
            return keywrap.aes_key_wrap(_secret(key), data)
        case "RSA-OAEP":
            return bytes(_public(key).encrypt(data, _oaep(key, algorithm)))
    raise ValueError(f"{algorithm['name']} cannot encrypt")


def _decrypt(given: Algorithm) -> bytes:
    algorithm, key, data = given["algorithm"], given["key"], given["data"]
    match algorithm["name"]:
        case "AES-GCM":
            if algorithm.get("tagLength", 128) != 128:
                raise ValueError("only tags of 128 bits can be checked")
            return AESGCM(_secret(key)).decrypt(algorithm["iv"], data, algorithm.get("additionalData"))
        case "AES-CBC":
            decryptor = Cipher(algorithms.AES(_secret(key)), modes.CBC(algorithm["iv"])).decryptor()
            unpadder = block_padding.PKCS7(128).unpadder()
            return unpadder.update(decryptor.update(data) + decryptor.finalize()) + unpadder.finalize()
        case "AES-CTR":
            return _encrypt(given)
        case "AES-KW":
            return keywrap.aes_key_unwrap(_secret(key), data)
        case "RSA-OAEP":
            return bytes(_private(key).decrypt(data, _oaep(key, algorithm)))
    raise ValueError(f"{algorithm['name']} cannot decrypt")


def _sign(given: Algorithm) -> bytes:
    algorithm, key, data = given["algorithm"], given["key"], given["data"]
    match algorithm["name"]:
        case "HMAC":
            return hmac.digest(_secret(key), data, _hash_of(key["algorithm"]).name)
        case "RSASSA-PKCS1-v1_5":
            return bytes(_private(key).sign(data, padding.PKCS1v15(), _hash_of(key["algorithm"])))
        case "RSA-PSS":
            return bytes(_private(key).sign(data, _pss(key, algorithm), _hash_of(key["algorithm"])))
        case "ECDSA":
            private = _private(key)
            size = (private.curve.key_size + 7) // 8
            r, s = decode_dss_signature(private.sign(data, ec.ECDSA(_hash_of(algorithm))))
            return r.to_bytes(size, "big") + s.to_bytes(size, "big")
        case "Ed25519":
            return bytes(_private(key).sign(data))
    raise ValueError(f"{algorithm['name']} cannot sign")


def _verify(given: Algorithm) -> bool:
    algorithm, key, data, signature = given["algorithm"], given["key"], given["data"], given["signature"]
    try:
        match algorithm["name"]:
            case "HMAC":
                return hmac.compare_digest(hmac.digest(_secret(key), data, _hash_of(key["algorithm"]).name), signature)
            case "RSASSA-PKCS1-v1_5":
                _public(key).verify(signature, data, padding.PKCS1v15(), _hash_of(key["algorithm"]))
            case "RSA-PSS":
                _public(key).verify(signature, data, _pss(key, algorithm), _hash_of(key["algorithm"]))
            case "ECDSA":
                half = len(signature) // 2
                parts = int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
                _public(key).verify(encode_dss_signature(*parts), data, ec.ECDSA(_hash_of(algorithm)))
            case "Ed25519":
                _public(key).verify(signature, data)
            case name:
                raise ValueError(f"{name} cannot verify")
    except InvalidSignature:
        return False
    return True


def _generate(given: Algorithm) -> Any:
    algorithm = given["algorithm"]
    match algorithm["name"]:
        case "AES-CBC" | "AES-CTR" | "AES-GCM" | "AES-KW":
            if algorithm["length"] not in (128, 192, 256):
                raise ValueError("AES keys have 128, 192 or 256 bits")
            return _secret_key(os.urandom(algorithm["length"] // 8), algorithm)
        case "HMAC":
            bits = algorithm.get("length", _hash_of(algorithm).digest_size * 8)
            return _secret_key(os.urandom(min(max(bits, 8), 8192) // 8), algorithm)
        case "RSASSA-PKCS1-v1_5" | "RSA-PSS" | "RSA-OAEP":
            if not 1024 <= algorithm["modulusLength"] <= MAX_MODULUS_BITS:
                raise ValueError(f"RSA keys have 1024 to {MAX_MODULUS_BITS} bits")
            exponent = int.from_bytes(algorithm["publicExponent"], "big")
            return _pair(rsa.generate_private_key(exponent, algorithm["modulusLength"]), algorithm)
        case "ECDSA" | "ECDH":
            return _pair(ec.generate_private_key(_CURVES[algorithm["namedCurve"]]()), algorithm)
        case "Ed25519":
            return _pair(ed25519.Ed25519PrivateKey.generate(), algorithm)
        case "X25519":
            return _pair(x25519.X25519PrivateKey.generate(), algorithm)
    raise ValueError(f"keys for {algorithm['name']} cannot be generated")


def _import(given: Algorithm) -> Key:
    kind, data, algorithm = given["format"], given["data"], given["algorithm"]
    name = algorithm["name"]
    if kind == "jwk":
        if data.get("kty") == "oct":
            return _secret_key(_unbase64url(data["k"]), algorithm)
        from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

        reader: Any = {"RSA": RSAAlgorithm, "EC": ECAlgorithm, "OKP": OKPAlgorithm}[data.get("kty")]
        return _asymmetric_key(reader.from_jwk(json.dumps(data)), algorithm)
    if kind == "spki":
        return _asymmetric_key(serialization.load_der_public_key(data), algorithm)
    if kind == "pkcs8":
        return _asymmetric_key(serialization.load_der_private_key(data, None), algorithm)
    if kind != "raw":
        raise ValueError(f"keys of the format {kind!r} cannot be imported")
    if name in ("ECDSA", "ECDH"):
        curve = _CURVES[algorithm["namedCurve"]]()
        return _asymmetric_key(ec.EllipticCurvePublicKey.from_encoded_point(curve, data), algorithm)
    if name == "Ed25519":
        return _asymmetric_key(ed25519.Ed25519PublicKey.from_public_bytes(data), algorithm)
    if name == "X25519":
        return _asymmetric_key(x25519.X25519PublicKey.from_public_bytes(data), algorithm)
    if name.startswith("AES") and len(data) not in (16, 24, 32):
        raise ValueError("AES keys have 128, 192 or 256 bits")
    if name == "HMAC" and not data:
        raise ValueError("Zero-length key is not supported")
    return _secret_key(data, algorithm)


def _export(given: Algorithm) -> Any:
    kind, key = given["format"], given["key"]
    if key["type"] == "secret":
        if kind == "raw":
            return _secret(key)
        if kind == "jwk":
            return {"kty": "oct", "k": _base64url(_secret(key))}
        raise ValueError(f"a secret key cannot be exported as {kind}")
    held = _private(key) if key["type"] == "private" else _public(key)
    if kind == "jwk":
        from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

        writer: Any = RSAAlgorithm if isinstance(held, rsa.RSAPrivateKey | rsa.RSAPublicKey) else OKPAlgorithm
        if isinstance(held, ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey):
            writer = ECAlgorithm
        made: Any = writer.to_jwk(held, as_dict=True)
        made.pop("key_ops", None)
        return made
    if key["type"] == "private" and kind == "pkcs8":
        return _private_bytes(held)
    if key["type"] == "public" and kind == "spki":
        return _public_bytes(held)
    if key["type"] == "public" and kind == "raw":
        encoding = serialization.Encoding
        if isinstance(held, ec.EllipticCurvePublicKey):
            return held.public_bytes(encoding.X962, serialization.PublicFormat.UncompressedPoint)
        return bytes(held.public_bytes(encoding.Raw, serialization.PublicFormat.Raw))
    raise ValueError(f"a {key['type']} key cannot be exported as {kind}")


def _derive(given: Algorithm) -> bytes:
    algorithm, key, length = given["algorithm"], given["key"], given["length"]
    if length is not None and (length % 8 or not 0 < length <= 65536):
        raise ValueError("length must be a multiple of 8, at most 65536")
    match algorithm["name"]:
        case "PBKDF2":
            if not 1 <= algorithm["iterations"] <= MAX_ITERATIONS:
                raise ValueError(f"iterations must be 1 to {MAX_ITERATIONS}")
            kdf = PBKDF2HMAC(_hash_of(algorithm), length // 8, algorithm["salt"], algorithm["iterations"])
            return kdf.derive(_secret(key))
        case "HKDF":
            hkdf = HKDF(_hash_of(algorithm), length // 8, algorithm["salt"], algorithm.get("info", b""))
            return hkdf.derive(_secret(key))
        case "ECDH":
            shared = _private(key).exchange(ec.ECDH(), _public(algorithm["public"]))
        case "X25519":
            shared = _private(key).exchange(_public(algorithm["public"]))
        case name:
            raise ValueError(f"{name} cannot derive")
    return bytes(shared if length is None else shared[: length // 8])


_OPERATIONS: dict[str, Callable[[Algorithm], Any]] = {
    "digest": _digest,
    "encrypt": _encrypt,
    "decrypt": _decrypt,
    "sign": _sign,
    "verify": _verify,
    "generateKey": _generate,
    "importKey": _import,
    "exportKey": _export,
    "deriveBits": _derive,
}


def _decoded(value: Any) -> Any:
    if isinstance(value, dict):
        if "$bytes" in value:
            return base64.b64decode(value["$bytes"])
        if "$key" in value:
            return {**value["$key"], "algorithm": _normalised(_decoded(value["$key"]["algorithm"]))}
        return {key: _decoded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_decoded(item) for item in value]
    return value


def _normalised(algorithm: Algorithm) -> Algorithm:
    """Names in the case of the standard; a hash given as text is one given as an object."""
    name = _NAMES.get(str(algorithm.get("name", "")).upper())
    if name is None:
        raise ValueError("Unrecognized algorithm name")
    result = {**algorithm, "name": name}
    if "hash" in result:
        given = result["hash"]
        result["hash"] = {"name": str(given["name"] if isinstance(given, dict) else given).upper()}
    return result


def _hash_of(algorithm: Algorithm) -> hashes.HashAlgorithm:
    return _HASHES[algorithm["hash"]["name"]]()


def _oaep(key: Key, algorithm: Algorithm) -> padding.OAEP:
    digest = _hash_of(key["algorithm"])
    return padding.OAEP(padding.MGF1(digest), digest, algorithm.get("label"))


def _pss(key: Key, algorithm: Algorithm) -> padding.PSS:
    return padding.PSS(padding.MGF1(_hash_of(key["algorithm"])), algorithm["saltLength"])


def _secret_key(data: bytes, algorithm: Algorithm) -> Key:
    return {"type": "secret", "algorithm": {**algorithm, "length": len(data) * 8}, "material": _base64(data)}


def _pair(private: Any, algorithm: Algorithm) -> dict[str, Key]:
    return {
        "privateKey": _asymmetric_key(private, algorithm),
        "publicKey": _asymmetric_key(private.public_key(), algorithm),
    }


def _asymmetric_key(key: Any, algorithm: Algorithm) -> Key:
    shown = {name: list(value) if isinstance(value, bytes) else value for name, value in algorithm.items()}
    if hasattr(key, "private_bytes"):
        return {"type": "private", "algorithm": shown, "material": _base64(_private_bytes(key))}
    return {"type": "public", "algorithm": shown, "material": _base64(_public_bytes(key))}


def _private_bytes(key: Any) -> bytes:
    form = serialization.PrivateFormat.PKCS8
    return bytes(key.private_bytes(serialization.Encoding.DER, form, serialization.NoEncryption()))


def _public_bytes(key: Any) -> bytes:
    return bytes(key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo))


def _secret(key: Key) -> bytes:
    return base64.b64decode(key["material"])


def _private(key: Key) -> Any:
    return serialization.load_der_private_key(base64.b64decode(key["material"]), None)


def _public(key: Key) -> Any:
    return serialization.load_der_public_key(base64.b64decode(key["material"]))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _unbase64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
