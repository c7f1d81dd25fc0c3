"""Ctrl-C between steps: when it ends a training, and when it is left alone."""

import contextlib
import signal
import threading

import keras
import numpy as np
import pytest

from wmh_keras.training.interruption import EndWhereAsked, Interruption


@contextlib.contextmanager
def handler(wanted):
    """Sets what SIGINT does, as a program that was started so finds it."""
    before = signal.signal(signal.SIGINT, wanted)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def _as_python_starts():
    with handler(signal.default_int_handler):
        yield


def press_ctrl_c():
    signal.raise_signal(signal.SIGINT)


def test_the_first_waits_until_it_is_looked_for(capfd):
    with Interruption() as interruption:
        interruption.check()
        press_ctrl_c()
        assert "Ctrl-C again ends at once" in capfd.readouterr().err
        with pytest.raises(KeyboardInterrupt):
            interruption.check()


def test_the_second_acts_at_once():
    with Interruption():
        press_ctrl_c()
        with pytest.raises(KeyboardInterrupt):
            press_ctrl_c()


def test_afterwards_it_acts_as_before():
    with Interruption():
        pass
    with pytest.raises(KeyboardInterrupt):
        press_ctrl_c()


def test_what_ignores_it_goes_on_ignoring_it():
    with handler(signal.SIG_IGN), Interruption() as interruption:
        press_ctrl_c()
        interruption.check()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_a_handler_of_somebody_else_stays():
    seen = []
    with handler(lambda *_: seen.append(1)):
        own = signal.getsignal(signal.SIGINT)
        with Interruption() as interruption:
            press_ctrl_c()
            interruption.check()
        assert signal.getsignal(signal.SIGINT) is own
    assert seen == [1]


def test_other_threads_change_nothing():
    found = []

    def enter():
        with Interruption():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert found == [signal.default_int_handler]


class PressAt(keras.callbacks.Callback):
    """Presses Ctrl-C in a step, and counts the steps and epochs done."""

    def __init__(self, step):
        super().__init__()
        self.step, self.steps, self.epochs = step, 0, 0

    def on_train_batch_end(self, batch, logs=None):
        self.steps += 1
        if self.steps == self.step:
            press_ctrl_c()

    def on_epoch_end(self, epoch, logs=None):
        self.epochs += 1


@pytest.mark.parametrize(("pressed_at", "epochs"), [(2, 0), (3, 1), (4, 1)])
def test_a_training_ends_before_its_next_step(pressed_at, epochs):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    pressing = PressAt(pressed_at)
    with Interruption() as interruption, pytest.raises(KeyboardInterrupt):
        model.fit(
            np.ones((12, 1)),
            np.ones((12, 1)),
            batch_size=4,
            epochs=3,
            verbose=0,
            callbacks=[EndWhereAsked(interruption), pressing],
        )
    assert pressing.steps == pressed_at
    assert pressing.epochs == epochs
    # The model is whole: its weights are there and can be used.
    assert np.isfinite(model.predict(np.ones((1, 1)), verbose=0)).all()
