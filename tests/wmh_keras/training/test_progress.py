import io

from wmh_keras.training.progress import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def run(stream, steps=3):
    progress = Progress(
        first_epoch=1,
        epochs=3,
        steps_per_epoch=steps,
        global_batch_size=4,
        stream=stream,
    )
    progress.on_train_begin()
    for epoch in (1, 2):
        progress.on_epoch_begin(epoch)
        for step in range(steps):
            progress.on_train_batch_end(step, {"loss": 0.25, "dice": 0.5})
        logs = {
            "loss": 0.125,
            "dice": 0.5,
            "val_dice": 0.75,
            "learning_rate": 3e-4,
            "images_per_second": 123.4,
            "data_wait_share": 0.25,
        }
        progress.on_epoch_end(epoch, logs)
    return stream.getvalue()


def test_a_log_gets_one_line_an_epoch():
    first, second, third = run(io.StringIO()).splitlines()
    assert first.startswith("epoch 2/3 · preparing the first step")
    assert second.startswith(
        "epoch 2/3 · loss 0.125 · dice 0.5 · val_dice 0.75"
    )
    assert "learning_rate 0.0003 · 123 images/s · 25% idle · ETA" in second
    assert third.startswith("epoch 3/3")
    assert third.endswith("ETA 00:00")


def test_a_log_gets_a_line_now_and_then_in_a_long_epoch(monkeypatch):
    seconds = iter(range(0, 10**6, 6))
    monkeypatch.setattr("time.perf_counter", lambda: float(next(seconds)))
    lines = [x for x in run(io.StringIO(), 9).splitlines() if "step " in x]
    assert 0 < len(lines) < 18
    assert "step " in lines[1]
    assert "images/s · ETA" in lines[-1]


def test_a_terminal_gets_one_line_that_is_renewed():
    text = run(Terminal())
    assert text.count("\n") == 2
    assert all(line.startswith("\r") for line in text.split("\n")[:2])
