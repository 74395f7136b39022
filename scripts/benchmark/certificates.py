"""Certificates for the loads over TLS, made by openssl: of an authority, and of a server for each kind of key."""

import dataclasses
import pathlib
import subprocess

from .programs import need

ECDSA, RSA = "ecdsa", "rsa"  # P-256, and RSA with 2048 bits
KEYS = {ECDSA: "ec -pkeyopt ec_paramgen_curve:P-256", RSA: "rsa:2048"}
AUTHORITY = """
req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=bench -keyout ca.key -out ca.pem
-addext basicConstraints=critical,CA:TRUE -addext keyUsage=keyCertSign
"""
REQUEST = "req -new -newkey {key} -nodes -subj /CN=localhost -keyout {name}.key -out {name}.csr"
SIGNED = "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile names -out {name}.pem"
NAMES = "subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=critical,CA:FALSE\n"


@dataclasses.dataclass(frozen=True)
class Certificate:
    """A server's certificate and key, and the certificate that clients trust."""

    chain: pathlib.Path
    key: pathlib.Path
    authority: pathlib.Path

    def directives(self):
        return f"ssl_certificate {self.chain}; ssl_certificate_key {self.key};"


def make(folder):
    """Makes all certificates in a folder; returns them by the kind of their key."""
    (folder / "names").write_text(NAMES)
    run(folder, AUTHORITY)
    for name, key in KEYS.items():
        run(folder, REQUEST.format(name=name, key=key))
        run(folder, SIGNED.format(name=name))
        (folder / f"{name}.key").chmod(0o644)  # a server may run as another user
    return {name: Certificate(folder / f"{name}.pem", folder / f"{name}.key", folder / "ca.pem") for name in KEYS}


def run(folder, arguments):
    subprocess.run([need("openssl"), *arguments.split()], cwd=folder, check=True, capture_output=True)
