"""bridge/http/form_content.py: the length of the file is expected by the form's, in whatever form it comes."""

import pytest

from tests.bridge.http.forms import PATH, PDF, form, room_of, upload


@pytest.mark.parametrize("order", ["file first", "conversation first"])
async def test_either_order_will_do(api, order) -> None:
    """With the file first it is read before permission is known, and refused all the same."""
    for room, expected in ((room_of(api), 201), ("!foreign", 404)):
        data = form(None) if order == "file first" else form(room)
        if order == "file first":
            data.add_field("conversation_id", room)
        assert (await upload(api, data))[0] == expected
    assert len(api.attachments.files) == 1


async def test_the_length_of_the_file_is_expected_by_the_forms(api) -> None:
    """When the file comes last, after the conversation, and the request says how long it is."""
    room = room_of(api)
    file_first = form(None)
    file_first.add_field("conversation_id", room)
    for data in (form(room), file_first, form(room, b"%PDF-1")):
        assert (await upload(api, data))[0] == 201
    assert api.attachments.expected == [len(PDF), None, len(b"%PDF-1")]


@pytest.mark.parametrize(
    ("end", "more"), [("--b--\r\n", 0), ("--b--", -2), ("--b--\r\nepilogue", 8), ("--b--\r\n\r\n", 2)]
)
async def test_forms_may_end_in_other_ways_than_most(api, end, more) -> None:
    """Then another length is expected than comes, which changes nothing of the file."""
    field = 'Content-Disposition: form-data; name="{}"{}\r\n\r\n'
    body = "--b\r\n" + field.format("conversation_id", "") + room_of(api) + "\r\n"
    body += "--b\r\n" + field.format("file", '; filename="a.txt"') + "hola\r\n" + end
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    response = await api.call("POST", PATH, data=body.encode(), headers=api.headers(**headers))
    assert (response.status, (await response.json())["size"]) == (201, len("hola"))
    assert api.attachments.expected == [len("hola") + more]
