"""Processes are played by threads: each has a group of its own."""

import math
import queue
import threading
import time

import pytest

from data_prep.errors import UserError
from wmh_keras.process_group import ProcessGroup


class Members:
    """Connected groups, and the reasons for which they would have ended."""

    def __init__(self, count, silence_seconds=20.0):
        address = queue.Queue()
        self.groups = [ProcessGroup(i, count) for i in range(count)]
        self.reasons = [queue.Queue() for _ in range(count)]

        def share(text):
            if text:
                for _ in range(count - 1):
                    address.put(text)
                return text
            return address.get()

        self.each(
            lambda group: group.connect(
                share,
                "127.0.0.1",
                silence_seconds,
                self.reasons[group.index].put,
            )
        )

    def each(self, act):
        results = [None] * len(self.groups)

        def run(index):
            results[index] = act(self.groups[index])

        threads = [
            threading.Thread(target=run, args=(i,), daemon=True)
            for i in range(len(results))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        return results

    def cut(self, index):
        """What the system does with the connections of a dead process."""
        group = self.groups[index]
        group._ending.set()
        group._left.set()
        for peer in group._peers.values():
            peer.close()

    def end(self):
        self.each(lambda group: group.__exit__(None, None, None))


@pytest.fixture
def make_members():
    return Members


def test_a_process_alone_talks_to_nobody():
    with ProcessGroup() as group:
        assert group.is_first
        assert group.gather({"a": 1}) == [{"a": 1}]
    with pytest.raises(ValueError, match="mine"), ProcessGroup():
        raise ValueError("mine")


def test_everyone_gets_everything_in_order_and_exactly(make_members):
    members = make_members(3)
    values = [0.1 + 0.2, math.pi, 1e-300]
    for _ in range(3):
        results = members.each(lambda group: group.gather(values[group.index]))
        assert results == [values] * 3
    members.end()
    assert all(reasons.empty() for reasons in members.reasons)


@pytest.mark.parametrize("dead", [0, 2])
def test_the_others_learn_of_a_death_at_once(make_members, dead):
    members = make_members(3)
    members.cut(dead)
    for index in {0, 1, 2} - {dead}:
        reason = members.reasons[index].get(timeout=60)
        assert f"process {dead} of 3" in reason
        assert "the same command" in reason


def test_a_silent_process_counts_as_lost(make_members, monkeypatch):
    # As if its machine had lost its network: no sign of life, no farewell.
    signal_life = ProcessGroup._signal_life

    def unless_cut_off(group, every):
        if group.index == 0:
            signal_life(group, every)

    monkeypatch.setattr(ProcessGroup, "_signal_life", unless_cut_off)
    members = make_members(2, silence_seconds=4.0)
    assert "process 1 of 2 stopped answering" in members.reasons[0].get(
        timeout=60
    )


def test_signs_of_life_keep_a_group_together(make_members):
    members = make_members(2, silence_seconds=4.0)
    time.sleep(6)
    assert all(reasons.empty() for reasons in members.reasons)
    members.end()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (UserError("the disk is full"), "ended: the disk is full"),
        (KeyboardInterrupt(), "ended: it was interrupted"),
        (ValueError("no"), "ended: ValueError: no"),
    ],
)
def test_the_others_learn_why_a_process_ended(
    make_members, monkeypatch, error, words
):
    # At the exit of the test's own process nothing is to happen.
    registered = []
    monkeypatch.setattr(
        "atexit.register", lambda *call: registered.append(call)
    )
    members = make_members(3)
    members.groups[1].__exit__(type(error), error, None)
    for index in (0, 2):
        reason = members.reasons[index].get(timeout=60)
        assert f"process 1 of 3 {words}; start all" in reason
    code = 130 if isinstance(error, KeyboardInterrupt) else 1
    assert [call[1] for call in registered] == [code]


def test_a_stranger_is_not_let_in(make_members):
    import json
    import socket

    def share(text):
        _, port, _ = json.loads(text)
        for token in ("guess", None):
            stranger = socket.create_connection(("127.0.0.1", port))
            stranger.sendall(json.dumps({"index": 1, "token": token}).encode())
            stranger.sendall(b"\n")
            stranger.close()
        friend.put(text)

    friend = queue.Queue()
    first, second = ProcessGroup(0, 2), ProcessGroup(1, 2)
    thread = threading.Thread(
        target=second.connect,
        args=(lambda _: friend.get(), "", 20.0, lambda _: None),
    )
    thread.start()
    first.connect(share, "127.0.0.1", 20.0, lambda _: None)
    thread.join(10)
    members = Members.__new__(Members)
    members.groups = [first, second]
    assert members.each(lambda group: group.gather(group.index)) == [
        [0, 1],
        [0, 1],
    ]
    members.end()
