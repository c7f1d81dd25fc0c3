import dataclasses

import numpy as np
import pytest

from data_prep.errors import UserError
from wmh_keras.training.assembly import compile_model
from wmh_keras.training.config import TrainingConfig

ARGUMENTS = {"side": 16, "channels": 1, "filters": [2, 4]}
CONFIG = TrainingConfig(backend="jax")


@pytest.mark.parametrize("prior", [0.01, 0.2, 0.5])
def test_the_untrained_network_gives_the_prior(prior):
    model = compile_model(
        dataclasses.replace(CONFIG, lesion_prior=prior), ARGUMENTS
    )
    # Without contrast in the image only the bias of the last layer is left.
    logits = np.asarray(model(np.zeros((1, 16, 16, 1), np.float32)))
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), prior, rtol=1e-4)


def test_bad_arguments_are_the_user_s_to_put_right():
    with pytest.raises(UserError, match="side"):
        compile_model(CONFIG, {**ARGUMENTS, "side": 17})
    with pytest.raises(UserError, match="unett"):
        compile_model(dataclasses.replace(CONFIG, network="unett"), ARGUMENTS)
