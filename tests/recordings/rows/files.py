"""`files`."""

from __future__ import annotations

from llmengine_integrations.core.errors import NotFoundError, ServerError
from llmengine_integrations.wire.files import File, FileContent, FileDeletion, UploadedFile

from ..row import Row, raises, returns

_TEXT = "prompt,response\nhello,world\nfoo,café\n"
_TRAIN = File(id="file-ff6f658bebfc44a", filename="train.csv", size=38)
_GONE = "The specified file could not be found."

ROWS = [
    Row(
        "129-files-upload-ok",
        lambda client: client.files.upload(_TEXT.encode(), filename="train.csv"),
        returns(UploadedFile(id="file-ff6f658bebfc44a")),
    ),
    Row(
        "130-files-upload-jsonl",
        lambda client: client.files.upload(b'{"prompt": "a", "response": "b"}\n', filename="t.jsonl"),
        returns(UploadedFile(id="file-01f8532ef2ae40c")),
    ),
    Row(
        "131-files-upload-bad-columns",
        lambda client: client.files.upload(b"a,b\n1,2\n", filename="bad.csv"),
        returns(UploadedFile(id="file-f5d5ee19e097452")),
    ),
    Row(
        "133-files-upload-500-non-utf8",
        lambda client: client.files.upload(b"\xff\xfe\x00\x01", filename="x.bin"),
        raises(
            ServerError,
            "Internal error occurred. Our team has been notified.",
            request_id="2deb6970-68ab-4568-8641-341612d784f6",
        ),
    ),
    Row(
        "135-files-list",
        lambda client: client.files.list(),
        returns(
            [
                _TRAIN,
                File(id="file-01f8532ef2ae40c", filename="t.jsonl", size=33),
                File(id="file-f5d5ee19e097452", filename="bad.csv", size=8),
            ],
            of=list,
        ),
    ),
    Row("136-files-get", lambda client: client.files.get(_TRAIN.id), returns(_TRAIN)),
    Row(
        "137-files-content",
        lambda client: client.files.content(_TRAIN.id),
        returns(FileContent(id=_TRAIN.id, content=_TEXT)),
    ),
    Row("138-files-get-404", lambda client: client.files.get("file-nope"), raises(NotFoundError, _GONE)),
    Row("139-files-content-404", lambda client: client.files.content("file-nope"), raises(NotFoundError, _GONE)),
    Row(
        "140-files-delete-unknown",
        lambda client: client.files.delete("file-nope"),
        raises(NotFoundError, "There is no file 'file-nope' to delete.", status_code=None),
    ),
    Row(
        "167-files-delete-ok",
        lambda client: client.files.delete(_TRAIN.id),
        returns(FileDeletion(deleted=True)),
    ),
]
