"""bridge/attachments/encrypted_file.py: EncryptedFile v2 of the specification, and nothing that isn't."""

import base64
import json
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CTR
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bridge.attachments.encrypted_file import Decryptor, EncryptedFile, Encryptor, Hashes

URL = "mxc://portal.example:8448/abc"


def plain(value: str) -> bytes:
    """Unpadded base64 in either alphabet."""
    return base64.urlsafe_b64decode(value.replace("+", "-").replace("/", "_") + "=" * (-len(value) % 4))


@given(st.lists(st.binary(max_size=70), max_size=6))
def test_what_was_encrypted_opens_whatever_the_pieces(pieces: list[bytes]) -> None:
    """Cut differently on the way, it is the same file; it says so itself."""
    encryptor = Encryptor()
    ciphertext = b"".join([encryptor.update(piece) for piece in pieces])
    decryptor = Decryptor(encryptor.described(URL))
    opened = decryptor.update(ciphertext[:33]) + decryptor.update(ciphertext[33:])
    assert opened == b"".join(pieces)
    assert decryptor.is_whole()


def test_it_is_the_specifications_format() -> None:
    """A 256-bit key as a JWK, 8 random bytes and 8 zeros as the counter, the ciphertext's hash, no padding."""
    encryptor = Encryptor()
    ciphertext = encryptor.update(b"radiograf\xc3\xada" * 100)
    file = json.loads(encryptor.described(URL).model_dump_json())
    assert file.keys() == {"url", "key", "iv", "hashes", "v"}
    assert file["v"] == "v2"
    assert file["key"] | {"k": ""} == {
        "kty": "oct", "key_ops": ["encrypt", "decrypt"], "alg": "A256CTR", "k": "", "ext": True,
    }  # fmt: skip
    assert "=" not in json.dumps(file)
    key, iv = plain(file["key"]["k"]), plain(file["iv"])
    assert (len(key), len(iv), iv[8:]) == (32, 16, bytes(8))
    assert plain(file["hashes"]["sha256"]) == sha256(ciphertext).digest()
    opened = Cipher(AES256(key), CTR(iv)).decryptor().update(ciphertext)
    assert opened == b"radiograf\xc3\xada" * 100


def test_a_hash_is_named_alike_however_it_is_spelt() -> None:
    """Padded or in the other alphabet: clients that go on with a part compare it."""
    encryptor = Encryptor()
    ciphertext = encryptor.update(b"x")
    file = encryptor.described(URL)
    other = file.hashes.sha256.replace("+", "-").replace("/", "_") + "="
    for spelt in (file, file.model_copy(update={"hashes": Hashes(sha256=other)})):
        assert spelt.digest == sha256(ciphertext).hexdigest()


def test_no_two_files_share_a_key_stream() -> None:
    """Key and counter are new each time."""
    made = [Encryptor().described(URL) for _ in range(50)]
    assert len({one.key.k for one in made}) == len({one.iv for one in made}) == 50


def test_a_flipped_bit_is_noticed() -> None:
    """So is a missing end."""
    encryptor = Encryptor()
    ciphertext = bytearray(encryptor.update(b"x" * 1000))
    for changed in (ciphertext[:-1], ciphertext[:500] + bytes([ciphertext[500] ^ 1]) + ciphertext[501:]):
        decryptor = Decryptor(encryptor.described(URL))
        decryptor.update(bytes(changed))
        assert not decryptor.is_whole()


@pytest.mark.parametrize(
    "change",
    [
        {"v": "v1"},
        {"url": "https://elsewhere.example/abc"},
        {"url": "mxc://portal.example/../../etc"},
        {"iv": "AAAA"},
        {"iv": "not base64!"},
        {"hashes": {}},
        {"hashes": {"sha256": "AAAA"}},
        {"key": {"kty": "oct", "alg": "A128CTR", "k": "A" * 43, "ext": True, "key_ops": []}},
        {"key": {"kty": "oct", "alg": "A256CTR", "k": "A" * 22, "ext": True, "key_ops": []}},
    ],
)
def test_other_formats_are_refused(change: dict[str, object]) -> None:
    """What other people's messages hold is parsed, not believed."""
    file = Encryptor().described(URL).model_dump()
    assert EncryptedFile.model_validate(file)
    with pytest.raises(ValidationError):
        EncryptedFile.model_validate(file | change)
