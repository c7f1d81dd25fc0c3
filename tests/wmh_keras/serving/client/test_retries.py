import pytest

from wmh_keras.serving.client.errors import Fault, ServingError
from wmh_keras.serving.client.retries import RetryPolicy, with_retries


class Asked:
    """Fails with the given faults in turn, then answers."""

    def __init__(self, *faults, wait=None):
        self.faults = list(faults)
        self.count = 0
        self.wait = wait

    def __call__(self):
        self.count += 1
        if self.faults:
            fault = self.faults.pop(0)
            raise ServingError(fault, "grpc://there:1", "why", self.wait)
        return "answer"


def test_waits_longer_each_time(capsys):
    waits = []
    asked = Asked(Fault.AWAY, Fault.BUSY, Fault.AWAY)
    answer = with_retries(asked, RetryPolicy(retries=3), waits.append)
    assert answer == "answer"
    assert waits == [0.5, 1.0, 2.0]
    assert "try 4 of 4 in 2 s" in capsys.readouterr().err


def test_gives_up_with_the_last_error():
    asked = Asked(*[Fault.AWAY] * 9)
    with pytest.raises(ServingError, match="why"):
        with_retries(asked, RetryPolicy(retries=2), lambda _: None)
    assert asked.count == 3


def test_waits_as_long_as_the_server_asks_but_not_for_ever():
    for asks, expected in ((5.0, 5.0), (0.1, 0.5), (3600.0, 30.0)):
        waits = []
        with_retries(Asked(Fault.BUSY, wait=asks), RetryPolicy(), waits.append)
        assert waits == [expected]


@pytest.mark.parametrize(
    "fault", [f for f in Fault if f not in (Fault.AWAY, Fault.BUSY)]
)
def test_what_cannot_be_helped_is_asked_once(fault):
    asked = Asked(fault)
    with pytest.raises(ServingError):
        with_retries(asked, RetryPolicy(), lambda _: pytest.fail("waited"))
    assert asked.count == 1
