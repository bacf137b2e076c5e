"""Files in messages."""

from bridge.http.attachment_models import UPLOAD_FORM, AttachmentPath, UploadedAnswer
from bridge.http.attachments import download_attachment, upload_attachment
from bridge.http.problems import Problem
from bridge.http.routing import MANAGED_SESSION, Route
from bridge.http.uploads import received_upload

ATTACHMENTS_ROUTES = (
    Route(
        method="POST",
        path="/api/messages/upload-attachment",
        operation="upload_attachment",
        handler=upload_attachment,
        scope="messages",
        acts=True,
        sessions=MANAGED_SESSION,
        receive=received_upload,
        form=UPLOAD_FORM,
        answers={201: UploadedAnswer},
        problems=(
            Problem.NOT_FOUND,
            Problem.NOT_IN_CARE_TEAM,
            Problem.IDENTITY_CHANGED,
            Problem.ATTACHMENT_TOO_LARGE,
            Problem.ATTACHMENT_TYPE,
            Problem.ATTACHMENT_INFECTED,
            Problem.TOO_MANY_REQUESTS,
        ),
    ),
    Route(
        method="GET",
        path="/api/messages/attachment/{attachment_id}",
        operation="download_attachment",
        handler=download_attachment,
        scope="messages",
        acts=True,
        sessions=MANAGED_SESSION,
        path_model=AttachmentPath,
        answers={200: "*/*", 206: "*/*"},
        problems=(Problem.NOT_FOUND, Problem.RANGE_NOT_SATISFIABLE, Problem.ATTACHMENT_BROKEN),
    ),
)
