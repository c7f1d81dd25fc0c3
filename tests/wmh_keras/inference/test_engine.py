import keras
import pytest

from data_prep.errors import UserError
from wmh_keras.inference.engine import Engine, choose_engine

LOADED = keras.backend.backend()


def test_keras_computes_in_fp32():
    assert choose_engine() == Engine(LOADED, "fp32")
    assert choose_engine(LOADED, "fp32") == Engine(LOADED, "fp32")
    with pytest.raises(UserError, match="take --engine=openvino"):
        choose_engine(LOADED, "bf16")


def test_an_unknown_precision_is_answered_with_the_names():
    with pytest.raises(UserError, match="expected one of fp32, bf16"):
        choose_engine(LOADED, "fp16")


@pytest.mark.parametrize("has_units", [True, False])
def test_bf16_where_the_cpu_has_units_for_it(monkeypatch, has_units):
    pytest.importorskip("wmh_keras.inference.openvino_runtime")
    from wmh_keras.inference import openvino_network

    monkeypatch.setattr(openvino_network, "has_bf16_units", lambda: has_units)
    assert choose_engine("openvino") == Engine("openvino", "fp32")
    if has_units:
        assert choose_engine("openvino", "bf16") == Engine("openvino", "bf16")
    else:
        with pytest.raises(UserError, match="no units for bf16"):
            choose_engine("openvino", "bf16")
