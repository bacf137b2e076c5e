"""bridge/attachments/names.py: a name names no folder, hides nothing, fits into a header."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.attachments.names import clean_name, content_disposition, extension_of


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("informe.pdf", "informe.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ana\\foto.jpg", "foto.jpg"),
        ("factura\u202efdp.exe", "facturafdp.exe"),
        ("a\x00b\r\nc.txt", "abc.txt"),
        ("...", "file"),
        ("", "file"),
        ("\u2000", "file"),
        ("/", "file"),
        (" .oculto. ", "oculto"),
        ('a"b<c>|d?.txt', "a_b_c__d_.txt"),
        ("resonancia ñ 🙂.dcm", "resonancia ñ 🙂.dcm"),
    ],
)
def test_names_are_cleaned(raw: str, clean: str) -> None:
    """Paths, bidi overrides, control and reserved characters go; letters of every language stay."""
    assert clean_name(raw, fallback="file") == clean


@given(st.text(max_size=400))
def test_any_name_becomes_a_good_one(raw: str) -> None:
    """Visible, short, no path; cleaning it again changes nothing."""
    name = clean_name(raw, fallback="file")
    assert name
    assert len(name.encode()) <= 150
    assert not set(name) & set('/\\<>:"|?*')
    assert not any(unicodedata.category(one).startswith("C") for one in name)


def test_a_long_name_keeps_its_extension() -> None:
    """What it is stays visible."""
    name = clean_name("ñ" * 300 + ".dcm", fallback="file")
    assert name.endswith("ñ.dcm")


@given(st.text(min_size=1, max_size=60))
def test_the_header_is_one_line_of_ascii(raw: str) -> None:
    """Whatever the name, no header can be added through it."""
    header = content_disposition(clean_name(raw, fallback="file"))
    assert header.isascii()
    assert header.isprintable()


def test_the_header_has_both_forms() -> None:
    """RFC 6266: a plain name for old clients, the real one for others."""
    header = content_disposition("señal 1.pdf")
    assert header == "attachment; filename=\"se_al 1.pdf\"; filename*=UTF-8''se%C3%B1al%201.pdf"


def test_numbers_are_no_extension() -> None:
    """DICOM's names are numbers with dots."""
    assert extension_of("1.2.840.113619") == ""
    assert extension_of("a.tar.GZ") == "gz"
    assert extension_of(".bashrc") == ""
