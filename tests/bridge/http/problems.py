"""What a problem document says, and what every one of them has."""


async def problem(response) -> tuple[int, str]:
    """Status and type of a problem document."""
    document = await response.json(content_type="application/problem+json")
    assert document["status"] == response.status
    assert document["title"]
    assert document["detail"]
    assert response.headers["Cache-Control"] == "no-store"
    return response.status, document["type"]


async def refused(response) -> tuple[int, str, list[str]]:
    """Status, last part of the type, and the places of a problem document."""
    status, kind = await problem(response)
    errors = (await response.json(content_type=None)).get("errors", [])
    return (
        status,
        kind.removeprefix("/problems/"),
        [one.get("pointer", one.get("parameter")) for one in errors],
    )
