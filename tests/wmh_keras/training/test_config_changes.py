from wmh_keras.training.config import TrainingConfig
from wmh_keras.training.config_changes import differences


def test_differences_name_both_values():
    old, new = TrainingConfig(seed=1), TrainingConfig(seed=2, contrast=0.0)
    assert differences(old.to_flags(), new.to_flags()) == [
        "--seed: was '1', now '2'",
        "--contrast: was '0.1', now '0.0'",
    ]


def test_paths_and_the_number_of_epochs_may_change():
    old = TrainingConfig(data_dir="a", workdir="b", epochs=5)
    new = TrainingConfig(data_dir="c", workdir="d", epochs=9)
    assert differences(old.to_flags(), new.to_flags()) == []


def test_a_flag_that_only_one_version_has_is_a_difference():
    flags = TrainingConfig().to_flags()
    assert differences(flags, {**flags, "shear": "1"}) == [
        "--shear: was 'absent', now '1'"
    ]
