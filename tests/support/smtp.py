"""An SMTP server in a process of its own, which does what a file tells it: takes mail over, refuses it, or hangs."""

from __future__ import annotations

import contextlib
import email
import email.policy
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.support.servers import free_port

USER, PASSWORD = "hopkey", "hunter2-of-smtp"


@dataclass
class Smtp:
    """``folder`` holds the mails taken over, one file each, and ``answer``: what the server does now."""

    folder: Path
    port: int
    process: subprocess.Popen[str]

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}?tls=none"

    def answer(self, text: str) -> None:
        """``250``, another answer to the content such as ``451 later``, ``recipient 550 nobody``, or ``hang``."""
        (self.folder / "answer").write_text(text)

    def mails(self) -> list[EmailMessage]:
        found = []
        for path in sorted(self.folder.glob("*.eml")):
            message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            assert isinstance(message, EmailMessage)
            found.append(message)
        return found

    def wait_for(self, count: int, seconds: float = 20) -> list[EmailMessage]:
        end = time.monotonic() + seconds
        while len(self.mails()) < count and time.monotonic() < end:
            time.sleep(0.1)
        assert len(self.mails()) >= count, [str(mail["Subject"]) for mail in self.mails()]
        return self.mails()

    def mail_to(self, address: str, seconds: float = 20) -> EmailMessage:
        """The latest mail to this address, once there is one."""
        end = time.monotonic() + seconds
        while True:
            found = [mail for mail in self.mails() if address in str(mail["To"])]
            if found:
                return found[-1]
            assert time.monotonic() < end, [str(mail["To"]) for mail in self.mails()]
            time.sleep(0.1)

    def clear(self) -> None:
        for path in self.folder.glob("*.eml"):
            path.unlink()
        self.answer("250")

    def stop(self) -> None:
        self.process.kill()
        self.process.wait(10)


def text_of(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def html_of(mail: EmailMessage) -> str:
    part = mail.get_body(("html",))
    assert part is not None
    return str(part.get_content())


@contextlib.contextmanager
def smtp_server(folder: Path, *, port: int = 0, certificate: tuple[Path, Path] | None = None) -> Iterator[Smtp]:
    """`certificate`: files of certificate and key; then STARTTLS is offered, and user and password are asked for."""
    folder.mkdir(exist_ok=True)
    port = port or free_port()
    settings = {"folder": str(folder), "port": port, "certificate": [str(path) for path in certificate or ()]}
    process = subprocess.Popen([sys.executable, __file__, json.dumps(settings)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    made = Smtp(folder, port, process)
    made.answer("250")
    try:
        yield made
    finally:
        made.stop()
        process.stdout.close()


def certificate_make(folder: Path, host: str = "localhost") -> tuple[Path, Path]:
    """A self-signed certificate for `host` and 127.0.0.1, and its key."""
    import datetime
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName(host), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


def _main() -> None:
    import asyncio
    import ssl

    from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

    settings = json.loads(sys.argv[1])
    folder = Path(settings["folder"])

    def now() -> str:
        return (folder / "answer").read_text()

    class Handler:
        async def handle_RCPT(
            self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
        ) -> str:
            if now().startswith("recipient "):
                return now().removeprefix("recipient ")
            envelope.rcpt_tos.append(address)
            return "250 OK"

        async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
            if now() == "hang":
                await asyncio.sleep(3600)
            if not now().startswith("250"):
                return now()
            content = envelope.content
            assert isinstance(content, bytes)
            (folder / f"{time.time_ns()}.eml").write_bytes(content)
            if now() == "250 and hang":
                await asyncio.sleep(3600)
            return "250 taken over"

    def authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object) -> AuthResult:
        login, password = getattr(data, "login", b""), getattr(data, "password", b"")
        return AuthResult(success=(login, password) == (USER.encode(), PASSWORD.encode()))

    def factory() -> SMTP:
        if not settings["certificate"]:
            return SMTP(Handler(), hostname="mail.test")
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*settings["certificate"])
        return SMTP(
            Handler(),
            hostname="mail.test",
            tls_context=context,
            require_starttls=True,
            auth_required=True,
            authenticator=authenticate,
        )

    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(factory, "127.0.0.1", settings["port"])
        print("ready", flush=True)
        await server.serve_forever()

    asyncio.run(serve())


if __name__ == "__main__":
    _main()
