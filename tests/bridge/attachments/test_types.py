"""bridge/attachments/types.py: a file is what its bytes say, of a short list."""

import io
import zipfile
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.attachments.errors import TypeMismatchError, TypeNotAllowedError
from bridge.attachments.settings import AttachmentSettings
from bridge.attachments.types import KNOWN_TYPES, safe_type, type_of

DICOM = bytes(128) + b"DICM\x02\x00\x00\x00UL"
OFFICE = "application/vnd.openxmlformats-officedocument."


def office(first: str) -> bytes:
    """A zip that begins as an office document does."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(first, "<Types/>")
        archive.writestr("word/document.xml", "<w/>")
    return made.getvalue()


def judged(head: bytes, name: str = "", declared: str | None = None) -> str:
    """With everything that we know allowed."""
    return type_of(head, name=name, declared=declared, allowed=KNOWN_TYPES)


@pytest.mark.parametrize(
    ("head", "name", "declared", "expected"),
    [
        (b"%PDF-1.7\n", "informe.pdf", "application/pdf", "application/pdf"),
        (b"%PDF-1.7\n", "INFORME.PDF", "application/octet-stream", "application/pdf"),
        (b"%PDF-1.7\n", "informe", None, "application/pdf"),
        (DICOM, "IM000001", None, "application/dicom"),
        (DICOM, "1.2.840.113619.2", None, "application/dicom"),
        (b"II*\0" + bytes(124) + b"DICM", "a.dcm", "application/dicom", "application/dicom"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "herida.jpeg", "image/jpeg", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "a.png", "image/png", "image/png"),
        (b"\x00\x00\x00\x18ftypisom", "a.mp4", "video/mp4", "video/mp4"),
        (b"\x00\x00\x00\x18ftypM4A ", "a.m4a", "audio/x-m4a", "audio/mp4"),
        (b"\x00\x00\x00\x18ftypheic", "a.heic", None, "image/heic"),
        (b"OggS", "a.ogg", "audio/ogg", "audio/ogg"),
        (b"ID3\x04", "a.mp3", "audio/mpeg", "audio/mpeg"),
        (office("[Content_Types].xml"), "a.docx", None, OFFICE + "wordprocessingml.document"),
        (office("[Content_Types].xml"), "a.xlsx", None, OFFICE + "spreadsheetml.sheet"),
        (b"hola, doctora", "nota.txt", "text/plain", "text/plain"),
        (b"hola, doctora", "", "text/plain", "text/plain"),
        ("tensión;120\n".encode(), "t.csv", "text/csv", "text/csv"),
        ("tensión;120\n".encode("latin-1"), "t.csv", "application/vnd.ms-excel", "text/csv"),
        (b'{"resourceType": "Bundle"}', "a.json", "application/json", "application/json"),
        (b'<?xml version="1.0"?><!-- c --><ClinicalDocument xmlns="urn:hl7-org:v3"/>', "a.xml", "text/xml",
         "application/xml"),
        (b"MSH|^~\\&|LAB|\rPID|1\r", "r.hl7", None, "text/plain"),
    ],
)  # fmt: skip
def test_what_care_needs_is_known(head: bytes, name: str, declared: str | None, expected: str) -> None:
    """Reports, pictures, DICOM without extensions, sound, film, data."""
    assert judged(head, name, declared) == expected


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"MZ\x90\x00\x03", "informe.pdf"),
        (b"\x7fELF\x02\x01", "a.dcm"),
        (b"MZ" + bytes(126) + b"DICM", "a.dcm"),
        (b"#!/bin/sh\nrm -rf /", "nota.txt"),
        (b"<!DOCTYPE html><p>", "a.html"),
        (b"  <html>", "a.txt"),
        (b"hola <script>alert(1)</script>", "a.txt"),
        (b'<svg xmlns="http://www.w3.org/2000/svg">', "a.svg"),
        (b'<?xml version="1.0"?><svg/>', "a.xml"),
        (b'<x:svg xmlns:x="http://www.w3.org/2000/svg"/>', "a.xml"),
        (b'<a xmlns:h="http://www.w3.org/1999/xhtml"><h:script>alert(1)</h:script></a>', "a.xml"),
        (b'<a xmlns:s="http://www.w3.org/2000/svg"><s:svg onload="alert(1)"/></a>', "a.xml"),
        (b"<?php system($_GET[0]);", "a.txt"),
        (b"PK\x03\x04" + bytes(26) + b"setup.exe", "a.zip"),
        (b"PK\x03\x04" + bytes(26) + b"classes.dex", "a.docx"),
        (b"\x00\x01\x02", "a.bin"),
        (b"", "a.txt"),
    ],
)
def test_programs_and_pages_are_not_taken(head: bytes, name: str) -> None:
    """Whatever they are called: not even those that are a picture as well."""
    with pytest.raises((TypeNotAllowedError, TypeMismatchError)):
        judged(head, name)


@pytest.mark.parametrize(
    ("head", "name", "declared"),
    [
        (b"%PDF-1.7\n", "informe.exe", None),
        (b"%PDF-1.7\n", "informe.jpg", None),
        (b"%PDF-1.7\n", "informe.pdf", "image/jpeg"),
        (b"%PDF-1.7\n", "informe.pdf", "text/html"),
        (b"alert(1)", "a.js", None),
        (b"echo off", "a.bat", "text/plain"),
        (office("[Content_Types].xml"), "a.docm", None),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "setup.msi", None),
    ],
)
def test_a_name_or_a_declaration_that_lies_is_refused(head: bytes, name: str, declared: str | None) -> None:
    """Both must agree with the bytes."""
    with pytest.raises(TypeMismatchError):
        judged(head, name, declared)


def test_the_settings_allow_fewer() -> None:
    """A clinic that wants documents only gets no films."""
    with pytest.raises(TypeNotAllowedError):
        type_of(b"\x1aE\xdf\xa3", name="a.webm", declared=None, allowed=["application/pdf"])
    with pytest.raises(ValueError, match="application/x-msdownload"):
        AttachmentSettings(allowed_types=["application/pdf", "application/x-msdownload"])


@given(st.binary(max_size=300), st.text(max_size=10), st.none() | st.text(max_size=10))
def test_whatever_comes_is_judged(head: bytes, name: str, declared: str | None) -> None:
    """A known type or a refusal, never anything else."""
    with suppress(TypeNotAllowedError, TypeMismatchError):
        assert judged(head, name, declared) in KNOWN_TYPES


def test_other_peoples_types_are_not_repeated() -> None:
    """A browser hears of a page from nobody."""
    assert safe_type("text/html") == safe_type("image/svg+xml") == "application/octet-stream"
    assert safe_type("image/png") == "image/png"


@pytest.mark.parametrize(
    ("claimed", "called"),
    [
        ("audio/ogg; codecs=opus", "audio/ogg"),
        ("Audio/X-M4A", "audio/mp4"),
        ("image/jpg", "image/jpeg"),
        ("text/xml;charset=utf-8", "application/xml"),
        ("application/x-pdf", "application/pdf"),
        ("text/html; charset=image/png", "application/octet-stream"),
        (" ; image/png", "application/octet-stream"),
        ("", "application/octet-stream"),
        ("text/plain", "text/plain"),
    ],
)
def test_a_known_type_by_another_name_is_that_type(claimed: str, called: str) -> None:
    """A voice message that a browser is told to be just bytes is not played."""
    assert safe_type(claimed) == called
