"""An authority that nobody else knows, the server's certificate by it, and how each client is told to trust it.

Programs with an option for that get it. OBS Studio and GStreamer trust only what the system trusts: they run where a
copy of the system's store, with this authority in it, is mounted over the real one. Chromium has a store of its own.
"""

import os
import pathlib
import shutil
import ssl
import subprocess

STORE = pathlib.Path("/etc/ssl/certs")
# Shell: mounts the folder $0 over the system's store, for this process and its children alone, and runs the command.
WITH_STORE = f'mount --bind "$0" {STORE} && exec "$@"'
SETTINGS = """[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, IP:127.0.0.1
"""
NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


def is_encrypted(url):
    return url.startswith(("rtmps:", "https:"))


class Authority:
    """Its files, in a folder of their own."""

    def __init__(self, folder):
        self.folder = folder
        self.file, self.certificate, self.key = folder / "ca.pem", folder / "server.pem", folder / "server.key"
        self.store, self.home = folder / "store", folder / "home"
        folder.mkdir()
        (folder / "openssl.cnf").write_text(SETTINGS)
        self.openssl("req", "-x509", *NEW_KEY, "-days", 30, "-subj", "/CN=interop authority",
                     "-extensions", "authority", "-keyout", "ca.key", "-out", self.file)
        self.openssl("req", "-new", *NEW_KEY, "-subj", "/CN=localhost", "-keyout", self.key, "-out", "server.csr")
        self.openssl("x509", "-req", "-in", "server.csr", "-CA", self.file, "-CAkey", "ca.key", "-CAcreateserial",
                     "-days", 10, "-extfile", "openssl.cnf", "-extensions", "server", "-out", self.certificate)

    def context(self):
        """For Python's own clients."""
        return ssl.create_default_context(cafile=self.file)

    def options(self, url):
        """Arguments of FFmpeg's programs in front of a URL."""
        return [word for name, value in self.settings(url).items() for word in (f"-{name}", value)]

    def settings(self, url):
        """What FFmpeg's library has to know to verify the server of a URL."""
        return {"tls_verify": 1, "ca_file": self.file} if is_encrypted(url) else {}

    def environment(self):
        """For FFmpeg 9, whose HLS does not pass the options on to fragments, and which verifies without them, too."""
        return {"SSL_CERT_FILE": str(self.file)}

    def trusted(self, command, url):
        """The command; for a URL over TLS, where the system trusts this authority."""
        if not is_encrypted(url):
            return command
        if not self.store.exists():
            shutil.copytree(STORE, self.store, symlinks=True)
            shutil.copy(self.file, self.store / "interop.pem")
            with (self.store / "ca-certificates.crt").open("a") as bundle:
                bundle.write(self.file.read_text())
            self.run("openssl", "rehash", self.store)
        own = [] if os.getuid() == 0 else ["--map-root-user"]
        return ["unshare", *own, "--mount", "sh", "-c", WITH_STORE, self.store, *command]

    def browser_home(self):
        """A home whose browsers trust this authority."""
        if not self.home.exists():
            database = self.home / ".pki" / "nssdb"
            database.mkdir(parents=True)
            self.run("certutil", "-N", "-d", f"sql:{database}", "--empty-password")
            self.run("certutil", "-A", "-d", f"sql:{database}", "-n", "interop", "-t", "C,,", "-i", self.file)
        return self.home

    def openssl(self, command, *arguments):
        config = ["-config", "openssl.cnf"] if command == "req" else []
        self.run("openssl", command, *config, *arguments)

    def run(self, *command):
        subprocess.run(list(map(str, command)), cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True, check=True)
