"""The guides do what they say: their commands are run against the running platform."""

from pathlib import Path

import pytest

from tests.e2e.clinic import PASSWORD, Clinic
from tests.e2e.guide import follow
from tests.e2e.raw_client import logged_in

pytestmark = pytest.mark.asyncio(loop_scope="session")

DOCS = Path(__file__).parents[2] / "docs"


async def test_integrators(clinic: Clinic) -> None:
    """docs/integrators.md from top to bottom, with a patient, a professional and a key of its reader's own."""
    patient, professional = await clinic.pair()
    hospital = clinic.platform.hospital
    async with logged_in(hospital, professional, PASSWORD) as client:
        printed = await follow(
            DOCS / "integrators.md",
            {
                "API": clinic.platform.bridge.api_url,
                "KEY": clinic.api_key,
                "PATIENT": patient,
                "PROFESSIONAL": professional,
                "HOSPITAL": hospital.client_url,
                "MATRIX_TOKEN": client.http.headers["Authorization"].removeprefix("Bearer "),
            },
        )
    assert "Buenos días, doctora" in printed


async def test_a_guide_that_is_wrong_fails(tmp_path: Path) -> None:
    """A command that fails, in the middle of a pipe too, fails the guide and says where."""
    for wrong in ("false", "false | cat", 'X=$(curl "http://127.0.0.1:9/")', 'echo "$NOBODY"'):
        guide = tmp_path / "guide.md"
        guide.write_text(f"# Guide\n\n```bash\n{wrong}\necho on\n```\n", encoding="utf-8")
        with pytest.raises(AssertionError, match=r"guide\.md, line 4"):
            await follow(guide, {})
