"""The homeserver templates, as Synapse itself reads them."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from synapse.config.homeserver import HomeServerConfig

from bridge.clock import utc_now
from bridge.demo.certificates import certificate_files, ensure_certificates
from bridge.demo.homeserver import Homeserver
from bridge.demo.platform import make_platform
from bridge.demo.ports import Ports
from bridge.demo.settings_file import demo_settings
from bridge.demo.templates import Role, TemplateError, main, render, template_directory
from bridge.matrix.registration import registration
from bridge.settings import parse_settings

# Synapse's own code, not ours.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

NAMES = ("localhost:18448", "localhost:19448")
ROLES: tuple[Role, ...] = ("portal", "hospital")


def _registration() -> dict[str, Any]:
    settings = {
        "secret": "s" * 32,
        "homeserver": {"server_name": NAMES[0], "url": "http://127.0.0.1:18008"},
        "appservice": {"url": "http://127.0.0.1:18080", "as_token": "a" * 32, "hs_token": "h" * 32},
    }
    return registration(parse_settings(settings, source="test"))


def _loopback(directory: Path, role: Role) -> Homeserver:
    certificates = certificate_files(directory / "tls")
    ensure_certificates(certificates, now=utc_now())
    return Homeserver(
        role=role,
        directory=directory / role,
        client_port=18008,
        federation_port=18448 if role == "portal" else 19448,
        federation_servers=NAMES,
        certificates=certificates,
        registration=_registration() if role == "portal" else None,
    )


def _as_synapse_reads_it(directory: Path) -> HomeServerConfig:
    values = yaml.safe_load((directory / "homeserver.yaml").read_text())
    config = HomeServerConfig()
    config.parse_config_dict(values, config_dir_path=str(directory), data_dir_path=str(directory))
    return config


def _production(role: Role) -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load((template_directory() / "values" / f"{role}.yaml").read_text())
    return values


@pytest.mark.parametrize("role", ROLES)
def test_federation_stays_on_this_machine_and_is_verified(tmp_path: Path, role: Role) -> None:
    """Both names and nobody else, TLS checked against our authority, loopback allowed, quick retries."""
    server = _loopback(tmp_path, role)
    server.render()
    config = _as_synapse_reads_it(server.directory)
    assert set(config.federation.federation_domain_whitelist or ()) == set(NAMES)
    assert config.tls.federation_verify_certificates
    assert config.tls.federation_ca_trust_root is not None
    assert "127.0.0.1" not in config.server.federation_ip_range_blocklist
    assert config.key.key_servers == []
    assert config.federation.destination_min_retry_interval_ms == 1_000
    assert config.federation.destination_max_retry_interval_ms == 5_000


def test_the_portal_hands_keys_to_the_application_service(tmp_path: Path) -> None:
    """Both experimental flags and the registration are there: without any of them keys are lost silently."""
    server = _loopback(tmp_path, "portal")
    server.render()
    config = _as_synapse_reads_it(server.directory)
    assert config.experimental.msc2409_to_device_messages_enabled
    assert config.experimental.msc3202_transaction_extensions
    assert config.appservice.app_service_config_files == [str(server.directory / "registration.yaml")]
    written = yaml.safe_load((server.directory / "registration.yaml").read_text())
    assert written == _registration()


def test_the_hospital_knows_of_no_application_service(tmp_path: Path) -> None:
    """A hospital's homeserver is an ordinary one."""
    server = _loopback(tmp_path, "hospital")
    server.render()
    assert _as_synapse_reads_it(server.directory).appservice.app_service_config_files == []


@pytest.mark.parametrize("role", ROLES)
def test_both_are_guarded_by_our_module(tmp_path: Path, role: Role) -> None:
    """Synapse loads it, with the configuration that the platform gives; none is loaded where none is given."""
    settings = demo_settings(tmp_path / "videoconsulta.yaml", ports=Ports())
    platform = make_platform(tmp_path, ports=Ports(), now=utc_now())
    server = platform.homeserver(role)
    server.render()
    ((module, config),) = _as_synapse_reads_it(server.directory).modules.loaded_modules
    assert module.__qualname__ == "Guard"
    assert config.keeper == settings.keeper_id
    if role == "portal":
        assert settings.policy is not None
        assert config.bridge_url == "http://127.0.0.1:8080"
        assert config.secret == settings.policy.secret.get_secret_value()
    else:
        assert (config.bridge_url, config.secret) == (None, None)
    bare = _loopback(tmp_path / "bare", role)
    bare.render()
    assert _as_synapse_reads_it(bare.directory).modules.loaded_modules == []


@pytest.mark.parametrize("role", ROLES)
def test_a_clinic_is_not_throttled(tmp_path: Path, role: Role) -> None:
    """A doctor can be invited by every patient of a morning, and a ward can log in at once."""
    server = _loopback(tmp_path, role)
    server.render()
    limits = _as_synapse_reads_it(server.directory).ratelimiting
    assert limits.rc_invites_per_user.burst_count >= 500
    assert limits.rc_invites_per_issuer.burst_count >= 500
    assert limits.rc_joins_remote.burst_count >= 200
    assert limits.rc_login_address.burst_count >= 200
    assert limits.rc_message.per_second >= 20
    assert limits.rc_room_creation.per_second >= 20
    assert limits.rc_login_failed_attempts.burst_count <= 5


@pytest.mark.parametrize("role", ROLES)
def test_the_tuned_profile(tmp_path: Path, role: Role) -> None:
    """Nothing is indexed, counted or told that ciphertext makes pointless; nothing is deleted by itself."""
    server = _loopback(tmp_path, role)
    server.render()
    config = _as_synapse_reads_it(server.directory)
    assert not config.server.enable_search
    assert not config.stats.stats_enabled
    assert not config.userdirectory.user_directory_search_enabled
    assert not config.worker.should_update_user_directory
    assert not config.server.presence_enabled
    assert not config.media.url_preview_enabled
    assert not config.push.push_include_content
    assert not config.retention.retention_enabled
    assert config.server.delete_stale_devices_after is None
    assert config.server.forgotten_room_retention_period is None
    assert config.room.encryption_enabled_by_default_for_room_presets


@pytest.mark.parametrize("role", ROLES)
def test_production_values_make_a_configuration(tmp_path: Path, role: Role) -> None:
    """The values that an operator starts from give PostgreSQL, a proxy's listener, guarded private addresses."""
    (tmp_path / "signing.key").write_text(f"ed25519 a_1 {'A' * 43}")
    values = _production(role) | {"signing_key_file": str(tmp_path / "signing.key")}
    (tmp_path / "homeserver.yaml").write_text(render(f"{role}.yaml.j2", values))
    config = _as_synapse_reads_it(tmp_path)
    assert config.database.databases[0].config["name"] == "psycopg2"
    (listener,) = config.server.listeners
    assert not listener.is_tls()
    assert "127.0.0.1" in config.server.federation_ip_range_blocklist
    assert config.tls.federation_ca_trust_root is None
    assert yaml.safe_load(render("log.yaml.j2", values))["root"]["level"] == "WARNING"


def test_secrets_stay_from_start_to_start(tmp_path: Path) -> None:
    """Rendering again keeps secrets and signing key, and nobody else on the machine can read them."""
    server = _loopback(tmp_path, "portal")
    server.render()
    names = ("secrets.yaml", "signing.key", "homeserver.yaml", "registration.yaml")
    before = {name: (server.directory / name).read_text() for name in names}
    server.render()
    for name in names:
        assert (server.directory / name).read_text() == before[name]
        assert (server.directory / name).stat().st_mode & 0o077 == 0


def test_a_missing_value_is_named() -> None:
    """An operator who forgot a value reads its name."""
    values = _production("portal")
    del values["server_name"]
    with pytest.raises(TemplateError, match="server_name"):
        render("portal.yaml.j2", values)


def test_an_operator_renders_a_template(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command of README.md prints what `render` makes."""
    values = {"log_file": "/var/log/matrix-synapse/homeserver.log", "log_level": "WARNING"}
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(values))
    main(["log.yaml.j2", str(file)])
    assert capsys.readouterr().out == render("log.yaml.j2", values)


@pytest.mark.parametrize(
    ("template", "content", "words"),
    [
        ("portal.yaml.j2", b"", "expected a mapping"),
        ("portal.yaml.j2", b"- a", "expected a mapping"),
        ("portal.yaml.j2", b"a: [", "not valid YAML"),
        ("portal.yaml.j2", b"a: \xff", "not text in UTF-8"),
        ("portal.yaml.j2", b"a: b", "server_name"),
        ("portal.yaml.j2", None, "No such file"),
        ("none.yaml.j2", b"a: b", "there is no template none.yaml.j2"),
        ("log.yaml.j2", b"{a: change me, b: {c: 'change me, please'}}", "still to be changed: a, b.c"),
    ],
)
def test_what_an_operator_got_wrong_is_one_line(
    tmp_path: Path, template: str, content: bytes | None, words: str
) -> None:
    """Never a traceback; and a server is not started with secrets that everybody can read in our sources."""
    file = tmp_path / "values.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SystemExit, match=words) as ended:
        main([template, str(file)])
    assert "\n" not in str(ended.value)


def test_every_rate_limit_and_tuned_line_gives_its_reason() -> None:
    """Each block of the shared parts starts with a comment."""
    for name in ("limits", "tuned"):
        text = (template_directory() / "parts" / f"{name}.yaml.j2").read_text()
        assert text.startswith("#")
        assert sum(line.lstrip().startswith("#") for line in text.splitlines()) >= 10


def test_the_example_registration_has_the_shape_of_the_real_one() -> None:
    """The example an operator reads has the same keys and flags that the command prints."""
    example = yaml.safe_load((template_directory() / "registration.example.yaml").read_text())
    real = _registration()
    assert example.keys() == real.keys()
    for flag in ("rate_limited", "receive_ephemeral", "org.matrix.msc3202", "io.element.msc4190"):
        assert example[flag] == real[flag]
    assert len(example["namespaces"]["users"]) == len(real["namespaces"]["users"])
