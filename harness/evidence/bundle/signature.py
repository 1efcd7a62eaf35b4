"""Who sealed a bundle: an Ed25519 signature of its seal, by the library `cryptography`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness.types import HarnessError

NEEDS = "signatures need the library cryptography: pip install '.[sign]'"


def sign(seal: bytes, key: Path) -> bytes:
    """The entry that signs a seal.

    Args:
        seal: the entry.
        key: a file with a private Ed25519 key in PEM, as `openssl genpkey -algorithm ed25519`
            writes it.

    Raises:
        HarnessError: it cannot be read, is another kind of key, or the library is not there.
    """
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    except ImportError as error:
        raise HarnessError(NEEDS) from error
    try:
        private = serialization.load_pem_private_key(key.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise HarnessError(f"key={str(key)!r} cannot be read as a private key: {error}") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise HarnessError(f"key={str(key)!r} is no Ed25519 key; make one with openssl genpkey")
    record = {
        "algorithm": "Ed25519",
        "public_key": private.public_key().public_bytes_raw().hex(),
        "signature": private.sign(seal).hex(),
    }
    return (json.dumps(record, indent=1) + "\n").encode()


def why_not(seal: bytes, entry: bytes, key: Path | None) -> str | None:
    """Why a signature does not hold; None where it does.

    Args:
        seal: that it should be of.
        entry: with the signature.
        key: a file with the public key in PEM that it should be by; None: the one it names.

    Raises:
        HarnessError: the key cannot be read, or the library is not there.
    """
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError as error:
        raise HarnessError(NEEDS) from error
    try:
        record: dict[str, Any] = json.loads(entry)
        named = bytes.fromhex(record["public_key"])
        if (json.dumps(record, indent=1) + "\n").encode() != entry or set(record) != {
            "algorithm", "public_key", "signature"
        } or record["algorithm"] != "Ed25519":  # fmt: skip
            return "it is not written as a signature is"
        if key is not None and named != _public(key):
            return f"it is by another key than {str(key)!r}"
        Ed25519PublicKey.from_public_bytes(named).verify(bytes.fromhex(record["signature"]), seal)
    except InvalidSignature:
        return "it is not of this seal by this key"
    except (ValueError, KeyError, TypeError) as error:
        return f"it cannot be read: {error}"
    return None


def _public(key: Path) -> bytes:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        public = serialization.load_pem_public_key(key.read_bytes())
    except (OSError, ValueError) as error:
        raise HarnessError(f"key={str(key)!r} cannot be read as a public key: {error}") from error
    if not isinstance(public, Ed25519PublicKey):
        raise HarnessError(f"key={str(key)!r} is no Ed25519 key")
    raw: bytes = public.public_bytes_raw()
    return raw
