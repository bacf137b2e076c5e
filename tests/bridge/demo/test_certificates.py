"""The certificate for federation on one machine."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.verification import PolicyBuilder, Store

from bridge.demo.certificates import certificate_files, ensure_certificates

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_a_client_that_trusts_the_authority_accepts_localhost(tmp_path: Path) -> None:
    """The chain holds for the name under which homeservers find each other."""
    files = certificate_files(tmp_path / "tls")
    ensure_certificates(files, now=NOW)
    authority = x509.load_pem_x509_certificate(files.authority.read_bytes())
    certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    verifier = (
        PolicyBuilder()
        .store(Store([authority]))
        .time(NOW.replace(tzinfo=None))
        .build_server_verifier(x509.DNSName("localhost"))
    )
    assert verifier.verify(certificate, []) == [certificate, authority]


def test_certificates_stay_until_a_month_before_they_end(tmp_path: Path) -> None:
    """A second start finds the same certificate; one a year later makes another."""
    files = certificate_files(tmp_path)
    ensure_certificates(files, now=NOW)
    first = files.certificate.read_bytes()
    ensure_certificates(files, now=NOW + timedelta(days=300))
    assert files.certificate.read_bytes() == first
    ensure_certificates(files, now=NOW + timedelta(days=370))
    assert files.certificate.read_bytes() != first


def test_the_authoritys_key_is_not_kept(tmp_path: Path) -> None:
    """The only key on the disk is the certificate's, readable by its owner alone."""
    files = certificate_files(tmp_path)
    ensure_certificates(files, now=NOW)
    keys = [path for path in tmp_path.iterdir() if b"PRIVATE KEY" in path.read_bytes()]
    assert keys == [files.private_key]
    assert files.private_key.stat().st_mode & 0o077 == 0
    authority = x509.load_pem_x509_certificate(files.authority.read_bytes())
    assert isinstance(authority.public_key(), ec.EllipticCurvePublicKey)
