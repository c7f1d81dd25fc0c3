"""JSON that no server would send ends in a message, not in a traceback."""

import io

import pytest

from wmh_keras.serving.client.connection import Connection
from wmh_keras.serving.client.errors import Fault, ServingError
from wmh_keras.serving.client.rest_transport import RestTransport
from wmh_keras.serving.client.transport import ModelVersion


@pytest.fixture
def answering(monkeypatch):
    """A transport whose server always gives one answer."""

    class Answer(io.BytesIO):
        status, reason = 200, "OK"

    class Wire:
        def __init__(self, content):
            self.content = content

        def request(self, *_):
            pass

        def getresponse(self):
            return Answer(self.content)

        def close(self):
            pass

    def make(content):
        transport = RestTransport(Connection("localhost:1", "rest"))
        monkeypatch.setattr(transport, "_open", lambda: Wire(content))
        return transport

    return make


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 200_000,
        b'{"model_version_status": [{"version": 1e999, "state": "END"}]}',
        b"null",
        b"\xff",
    ],
)
def test_an_unreadable_answer(answering, content):
    with pytest.raises(ServingError, match="unreadable") as caught:
        answering(content).versions("wmh")
    assert caught.value.fault == Fault.BAD_ANSWER


def test_an_unreadable_signature(answering):
    spec = b'{"dtype": "DT_FLOAT", "tensor_shape": {"dim": [{"size": 1e999}]}}'
    content = (
        b'{"metadata": {"signature_def": {"signature_def": {"describe": '
        b'{"inputs": {"which": ' + spec + b"}}}}}}"
    )
    with pytest.raises(ServingError, match="unreadable"):
        answering(content).signatures(ModelVersion("wmh", 1))
