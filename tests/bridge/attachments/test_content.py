"""bridge/attachments/content.py: what other people's messages claim of their files is bounded, never believed."""

from typing import Any

import pytest

from bridge.attachments.content import SharedFile, shared_file
from bridge.attachments.encrypted_file import Encryptor

FILE = Encryptor().described("mxc://hospital.example/abc").model_dump()


def claimed(**fields: Any) -> SharedFile | None:
    """A file of somebody's, as her client describes it."""
    return shared_file({"msgtype": "m.file", "body": "a.pdf", "file": FILE} | fields)


@pytest.mark.parametrize(
    "info",
    [
        None,
        "nonsense",
        [],
        {},
        {"size": -1, "w": 1.5, "h": True, "mimetype": 5},
        {"size": 2**53, "w": "1", "h": None, "mimetype": ""},
        {"size": "12", "mimetype": "x" * 128, "thumbnail_file": {"url": "https://elsewhere.example/"}},
        {"thumbnail_info": None},
        {"thumbnail_info": {"mimetype": []}},
    ],
)
def test_a_wrong_claim_hides_no_file(info: Any) -> None:
    """Size, dimensions, type are unknown then; the file can be opened all the same."""
    file = claimed(info=info)
    assert file is not None
    assert (file.size, file.width, file.height, file.thumbnail) == (None, None, None, None)
    assert (file.name, file.mime_type) == ("a.pdf", "application/octet-stream")


@pytest.mark.parametrize(
    ("fields", "name", "caption"),
    [
        ({"filename": None}, "a.pdf", ""),
        ({"filename": 5}, "a.pdf", ""),
        ({"filename": ""}, "a.pdf", ""),
        ({"filename": "b.pdf"}, "b.pdf", "a.pdf"),
        ({"filename": "../../\u202eb.pdf", "body": "mire"}, "b.pdf", "mire"),
        ({"body": ""}, "file", ""),
    ],
)
def test_names_and_captions(fields: dict[str, Any], name: str, caption: str) -> None:
    """With a file name beside it the text is a caption, without one it is the name; names are cleaned."""
    file = claimed(**fields)
    assert file is not None
    assert (file.name, file.caption) == (name, caption)


@pytest.mark.parametrize(
    "fields",
    [
        {"file": None},
        {"file": FILE | {"hashes": {}}},
        {"file": FILE | {"v": "v1"}},
        {"file": FILE | {"key": None}},
        {"file": None, "url": "mxc://hospital.example/abc"},
        {"msgtype": "m.text"},
    ],
)
def test_what_nobody_could_check_is_no_file(fields: dict[str, Any]) -> None:
    """No key, no hash, not encrypted: there is nothing to download."""
    assert claimed(**fields) is None
