"""The settings file that the demo writes for itself."""

from pathlib import Path

import pytest
import yaml

from bridge.demo.errors import DemoError
from bridge.demo.ports import Ports
from bridge.demo.settings_file import demo_settings


def test_secrets_are_made_once_and_kept(tmp_path: Path) -> None:
    """A second start has the same settings: a new secret would lose every key sealed with the old one."""
    path = tmp_path / "data" / "videoconsulta.yaml"
    first = demo_settings(path, ports=Ports())
    assert demo_settings(path, ports=Ports()) == first
    assert path.stat().st_mode & 0o077 == 0


def test_two_demos_share_no_secret(tmp_path: Path) -> None:
    """Each data directory has tokens and secrets of its own."""
    one = demo_settings(tmp_path / "one.yaml", ports=Ports())
    two = demo_settings(tmp_path / "two.yaml", ports=Ports())
    assert one.secret != two.secret
    assert one.appservice.as_token != two.appservice.as_token
    assert one.appservice.hs_token != two.appservice.hs_token


def test_what_an_older_version_did_not_know_is_added(tmp_path: Path) -> None:
    """Everything else in the file stays; from then on it is kept as the rest."""
    path = tmp_path / "videoconsulta.yaml"
    first = demo_settings(path, ports=Ports())
    values = yaml.safe_load(path.read_text())
    del values["policy"]
    path.write_text(yaml.safe_dump(values))
    completed = demo_settings(path, ports=Ports())
    assert completed.policy is not None
    assert completed.model_copy(update={"policy": None}) == first.model_copy(update={"policy": None})
    assert demo_settings(path, ports=Ports()) == completed
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert path.stat().st_mode & 0o077 == 0


def test_each_start_has_its_own_mail_sink(tmp_path: Path) -> None:
    """Its port is another one each time, our secrets stay; so does a mail server that somebody has set instead."""
    path = tmp_path / "videoconsulta.yaml"
    first = demo_settings(path, ports=Ports(), smtp_port=30_001)
    second = demo_settings(path, ports=Ports(), smtp_port=30_002)
    assert (first.smtp is not None, second.smtp is not None) == (True, True)
    assert [one.smtp and one.smtp.port for one in (first, second)] == [30_001, 30_002]
    assert first.secret == second.secret
    own = {"host": "mail.clinic.example", "from_address": "no-reply@clinic.example"}
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"smtp": own}))
    third = demo_settings(path, ports=Ports(), smtp_port=30_003)
    assert third.smtp is not None
    assert third.smtp.host == "mail.clinic.example"


def test_other_ports_are_refused_in_one_line(tmp_path: Path) -> None:
    """Server names contain ports, and all data server names: a start on other ports would break it."""
    path = tmp_path / "videoconsulta.yaml"
    demo_settings(path, ports=Ports())
    with pytest.raises(DemoError, match=r"^[^\n]*--base-port[^\n]*$"):
        demo_settings(path, ports=Ports.from_base(30_000))


def test_transactions_may_take_another_way(tmp_path: Path) -> None:
    """A test puts a proxy between homeserver and bridge; the bridge still listens where it always does."""
    settings = demo_settings(tmp_path / "s.yaml", ports=Ports(), appservice_url="http://127.0.0.1:30009")
    assert settings.appservice.url == "http://127.0.0.1:30009"
    assert settings.http.port == Ports().api
