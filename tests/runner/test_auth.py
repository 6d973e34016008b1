"""Every kind of authorization against its published vectors."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from hopkey.runner.auth import akamai, aws, digest, hawk, jwt, oauth2
from hopkey.runner.auth.apply import apply
from hopkey.runner.auth.draft import AuthError, Draft

# https://docs.aws.amazon.com/general/latest/gr/signature-v4-test-suite.html
KEYS = {"access_key": "AKIDEXAMPLE", "secret_key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}
MOMENT = datetime(2015, 8, 30, 12, 36, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("method", "path", "signature"),
    [
        ("GET", "/", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("POST", "/", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        ("GET", "/?Param2=value2&Param1=value1", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"),
    ],
)
def test_aws_signature_version_4(method: str, path: str, signature: str) -> None:
    draft = Draft(method, f"https://example.amazonaws.com{path}")
    aws.sign(draft, **KEYS, region="us-east-1", service="service", now=MOMENT)
    assert draft.header("authorization") == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders=host;x-amz-date, Signature={signature}"
    )
    assert draft.header("x-amz-date") == "20150830T123600Z"


def test_aws_signature_of_the_documented_iam_request() -> None:
    draft = Draft("GET", "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08")
    kind = "application/x-www-form-urlencoded; charset=utf-8"
    draft.headers["content-type"] = ("Content-Type", kind)
    aws.sign(draft, **KEYS, region="us-east-1", service="iam", now=MOMENT)
    assert "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7" in draft.header("authorization")


def test_aws_presigned_address_of_the_documented_s3_request() -> None:
    # https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
    draft = Draft("GET", "https://examplebucket.s3.amazonaws.com/test.txt")
    aws.sign(
        draft,
        access_key="AKIAIOSFODNN7EXAMPLE",
        secret_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        region="us-east-1",
        service="s3",
        in_query=True,
        now=datetime(2013, 5, 24, tzinfo=UTC),
    )
    assert "X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404" in draft.url


def test_aws_session_tokens_are_signed_and_services_guessed() -> None:
    draft = Draft("GET", "https://s3.eu-west-1.amazonaws.com/b/a%20b")
    aws.sign(draft, **KEYS, region="eu-west-1", service="", session_token="session")
    assert "/eu-west-1/s3/" in draft.header("authorization")
    assert "x-amz-content-sha256;x-amz-date;x-amz-security-token" in draft.header("authorization")
    assert draft.header("x-amz-security-token") == "session"
    with pytest.raises(AuthError, match="service name"):
        aws.sign(Draft("GET", "https://example.com/"), **KEYS, region="", service="")


# RFC 7616, 3.9.1, and RFC 2617, 3.5.
RFC_7616 = {"username": "Mufasa", "password": "Circle of Life", "method": "GET", "target": "/dir/index.html"}
NONCE, CLIENT = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_digest_of_rfc_7616(algorithm: str, response: str) -> None:
    header = (
        f'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={algorithm}, nonce="{NONCE}", '
        'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
    )
    challenge = digest.challenge_read(header)
    assert challenge is not None
    value = digest.authorization(challenge, **RFC_7616, client_nonce=CLIENT)
    assert f'response="{response}"' in value
    assert 'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"' in value
    assert "qop=auth, nc=00000001" in value


def test_digest_of_rfc_2617_and_rfc_2069_and_sessions() -> None:
    old = {"username": "Mufasa", "password": "Circle Of Life", "method": "GET", "target": "/dir/index.html"}
    nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093"
    with_qop = digest.Challenge("testrealm@host.com", nonce, qop=("auth",))
    assert "6629fae49393a05397450978507c4ef1" in digest.authorization(with_qop, **old, client_nonce="0a4f113b")
    without = digest.authorization(digest.Challenge("testrealm@host.com", nonce), **old)
    assert "670fd8c2df070c60b045671b8b24ff02" in without
    assert "qop" not in without
    session = digest.Challenge("testrealm@host.com", nonce, "MD5-SESS", ("auth",))
    assert digest.authorization(session, **old, client_nonce="a") != digest.authorization(
        session, **old, client_nonce="b"
    )


def test_the_strongest_challenge_is_answered() -> None:
    header = (
        'Basic realm="x", Digest realm="a", nonce="1", algorithm=MD5, Digest realm="a", nonce="2", algorithm=SHA-256'
    )
    challenge = digest.challenge_read(header)
    assert challenge is not None
    assert (challenge.algorithm, challenge.nonce) == ("SHA-256", "2")
    assert digest.challenge_read('Digest realm="a", nonce="1", algorithm=UNKNOWN') is None
    assert digest.challenge_read("Bearer") is None


# https://github.com/mozilla/hawk/blob/main/API.md
HAWK: dict[str, Any] = {
    "key_id": "dh37fgj492je",
    "key": "werxhqb98rpaxn39848xrunpaw3489ruxnpa98w4rxn",
    "ext": "some-app-ext-data",
    "nonce": "j4h3g2",
    "timestamp": "1353832234",
}


def test_hawk_with_and_without_a_payload() -> None:
    draft = Draft("GET", "http://example.com:8000/resource/1?b=1&a=2")
    hawk.sign(draft, **HAWK)
    assert draft.header("authorization") == (
        'Hawk id="dh37fgj492je", ts="1353832234", nonce="j4h3g2", ext="some-app-ext-data", '
        'mac="6R4rV5iE+NPoym+WwjeHzjAGXUtLNIxmo1vpMofpLAE="'
    )
    post = Draft("POST", draft.url, {"content-type": ("Content-Type", "text/plain")}, b"Thank you for flying Hawk")
    hawk.sign(post, **HAWK, with_payload=True)
    assert 'hash="Yi9LfIIFRtBEPt74PVmbTF/xVAwPn7ub15ePICfgnuY="' in post.header("authorization")
    assert 'mac="aSe1DERmZuRl3pI36/9BdZmnErTw3sNzOOAUlfeKjVw="' in post.header("authorization")
    with pytest.raises(AuthError, match="sha256 or sha1"):
        hawk.sign(draft, **HAWK, algorithm="md5")


# https://github.com/akamai/AkamaiOPEN-edgegrid-python, its test data.
AKAMAI: dict[str, Any] = {
    "access_token": "akab-access-token-xxx-xxxxxxxxxxxxxxxx",
    "client_token": "akab-client-token-xxx-xxxxxxxxxxxxxxxx",
    "client_secret": "x" * 43 + "=",
    "nonce": "nonce-xx-xxxx-xxxx-xxxx-xxxxxxxxxxxx",
    "timestamp": "20140321T19:34:21+0000",
    "max_body": 2048,
}
AKAMAI_HOST = "https://akaa-baseurl-xxxxxxxxxxx-xxxxxxxxxxxxx.luna.akamaiapis.net"


@pytest.mark.parametrize(
    ("method", "path", "body", "signature"),
    [
        ("GET", "/", None, "tL+y4hxyHxgWVD30X3pWnGKHcPzmrIF+LThiAOhMxYU="),
        ("GET", "/testapi/v1/t1?p1=1&p2=2", None, "hKDH1UlnQySSHjvIcZpDMbQHihTQ0XyVAKZaApabdeA="),
        ("POST", "/testapi/v1/t3", b"datadatadatadatadatadatadatadata", "hXm4iCxtpN22m4cbZb4lVLW5rhX8Ca82vCFqXzSTPe4="),
    ],
)
def test_akamai_edgegrid(method: str, path: str, body: bytes | None, signature: str) -> None:
    draft = Draft(method, AKAMAI_HOST + path, body=body)
    akamai.sign(draft, **AKAMAI)
    assert draft.header("authorization").endswith(f"signature={signature}")


def pem(key: Any) -> str:
    form = serialization.PrivateFormat.PKCS8
    return str(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode())


RSA = rsa.generate_private_key(65537, 2048)
CURVES = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}


@pytest.mark.parametrize("algorithm", sorted(jwt.ALGORITHMS))
def test_jwt_of_every_algorithm_is_accepted_by_its_key(algorithm: str) -> None:
    secret, key = "s" * 64, None
    if algorithm.startswith("ES"):
        key = ec.generate_private_key(CURVES[algorithm])
    elif not algorithm.startswith("HS"):
        key = RSA
    token = jwt.encode(
        algorithm=algorithm,
        payload='{"sub": "1234567890", "name": "ä"}',
        headers='{"kid": "k1"}',
        secret=secret,
        private_key=pem(key) if key is not None else "",
    )
    verifier = key.public_key() if key is not None else secret
    assert pyjwt.decode(token, verifier, algorithms=[algorithm]) == {"sub": "1234567890", "name": "ä"}
    assert pyjwt.get_unverified_header(token) == {"alg": algorithm, "kid": "k1"}


def test_jwt_of_the_well_known_example_and_its_faults() -> None:
    token = jwt.encode(
        algorithm="HS256",
        payload='{"sub":"1234567890","name":"John Doe","iat":1516239022}',
        headers='{"typ": "JWT"}',
        secret="your-256-bit-secret",
    )
    assert token.endswith(".SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c")  # jwt.io
    encoded = base64.b64encode(b"your-256-bit-secret").decode()
    again = jwt.encode(
        algorithm="HS256",
        payload='{"sub":"1234567890","name":"John Doe","iat":1516239022}',
        headers='{"typ": "JWT"}',
        secret=encoded,
        secret_is_base64=True,
    )
    assert again == token
    for bad, word in (
        ({"algorithm": "none"}, "not known"),
        ({"payload": "["}, "not valid JSON"),
        ({"payload": "[]"}, "JSON object"),
        ({"secret": ""}, "needs a secret"),
        ({"algorithm": "RS256", "private_key": "no key"}, "JWT:"),
    ):
        with pytest.raises(AuthError, match=word):
            jwt.encode(**{"algorithm": "HS256", "payload": "{}", "secret": "s", **bad})


class TokenServer:
    """Counts what it is asked, and gives tokens that live as long as it is told."""

    def __init__(self, lifetime: float = 3600, refresh: bool = False) -> None:
        self.asked: list[dict[str, str]] = []
        self.lifetime = lifetime
        self.refresh = refresh

    def __call__(self, draft: Draft) -> tuple[int, bytes]:
        fields = dict(item.split("=") for item in (draft.body or b"").decode().split("&"))
        self.asked.append({**fields, "authorization": draft.header("authorization")})
        answer = {"access_token": f"t{len(self.asked)}", "expires_in": self.lifetime}
        return 200, json.dumps(answer | ({"refresh_token": "r"} if self.refresh else {})).encode()


GRANT = {"grantType": "CLIENT_CREDENTIALS", "tokenEndpoint": "http://t.test/", "clientID": "c", "clientSecret": "s&"}


def test_oauth_tokens_are_fetched_once_and_again_when_they_end() -> None:
    server = TokenServer()
    store = oauth2.TokenStore(server)
    assert [store.token(GRANT), store.token(GRANT), store.token(GRANT, fresh=True)] == ["t1", "t1", "t2"]
    assert store.token({**GRANT, "scopes": "a"}) == "t3"
    assert server.asked[0] == {
        "grant_type": "client_credentials",
        "client_id": "c",
        "client_secret": "s%26",
        "authorization": "",
    }
    short = TokenServer(lifetime=5, refresh=True)  # shorter than the margin: every token has ended when it arrives
    store = oauth2.TokenStore(short)
    assert [store.token(GRANT), store.token(GRANT)] == ["t1", "t2"]
    assert short.asked[1]["grant_type"] == "refresh_token"


def test_oauth_stored_tokens_headers_passwords_and_refusals() -> None:
    server = TokenServer()
    store = oauth2.TokenStore(server)
    assert store.token({"grantType": "AUTHORIZATION_CODE", "token": "stored"}) == "stored"
    assert store.token({**GRANT, "token": "stored"}) == "stored"
    assert server.asked == []
    password = {**GRANT, "grantType": "PASSWORD", "username": "u", "password": "p", "scopes": "x"}
    store.token({**password, "clientAuthentication": "AS_BASIC_AUTH_HEADERS"})
    assert server.asked[0]["authorization"] == "Basic " + base64.b64encode(b"c:s%26").decode()
    assert (server.asked[0]["username"], server.asked[0]["scope"]) == ("u", "x")
    refusing = oauth2.TokenStore(lambda _: (400, b'{"error": "invalid_client", "error_description": "who?"}'))
    with pytest.raises(AuthError, match=r"400, who\?"):
        refusing.token(GRANT)
    broken = oauth2.TokenStore(lambda _: (200, b"<html>"))
    with pytest.raises(AuthError, match="no token"):
        broken.token(GRANT)


@pytest.mark.parametrize(
    ("auth", "header", "query"),
    [
        ({"authType": "basic", "username": "ü", "password": "p"}, "Basic /Dpw", ""),
        ({"authType": "bearer", "token": "t"}, "Bearer t", ""),
        ({"authType": "bearer", "token": "t", "authActive": False}, "", ""),
        ({"authType": "oauth-2", "grantTypeInfo": {"token": "t"}}, "Bearer t", ""),
        ({"authType": "oauth-2", "grantTypeInfo": {"token": "t"}, "addTo": "QUERY_PARAMS"}, "", "access_token=t"),
        ({"authType": "api-key", "key": "k", "value": "a b", "addTo": "QUERY_PARAMS"}, "", "k=a+b"),
        ({"authType": "api-key", "key": "Authorization", "value": "v", "addTo": "HEADERS"}, "v", ""),
        ({"authType": "digest"}, "", ""),
    ],
)
def test_the_simple_kinds(auth: dict[str, Any], header: str, query: str) -> None:
    draft = Draft("GET", "http://h.test/")
    apply(auth, draft, token=lambda grant: grant["token"])
    assert (draft.header("authorization"), draft.url.partition("?")[2]) == (header, query)


def test_authorization_stands_above_a_header_of_the_request() -> None:
    draft = Draft("GET", "http://h.test/", {"authorization": ("authorization", "mine")})
    apply({"authType": "bearer", "token": "t"}, draft, token=lambda _: "")
    assert draft.header("Authorization") == "Bearer t"
