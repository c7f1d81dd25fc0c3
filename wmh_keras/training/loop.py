"""One training, from a frozen config to a work folder."""

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from data_prep.errors import UserError
from wmh_keras import artifacts, distribution
from wmh_keras.datasets import PreparedData, VolumeRecord, open_prepared_data
from wmh_keras.inference.segmenter import Segmenter
from wmh_keras.model_info import ModelInfo
from wmh_keras.process_group import ProcessGroup
from wmh_keras.training import assembly, callbacks, initial_model, patch_store
from wmh_keras.training.checkpoint import Checkpoint, restore_checkpoint
from wmh_keras.training.config import TrainingConfig
from wmh_keras.training.device_augmentation import augment_in_step
from wmh_keras.training.device_idle import DeviceIdle, UnreadLogs
from wmh_keras.training.interruption import EndWhereAsked, Interruption
from wmh_keras.training.lesion_masks import find_lesion_masks
from wmh_keras.training.patch_store import remove_patch_store
from wmh_keras.training.progress import Progress
from wmh_keras.training.schedule import Schedule
from wmh_keras.training.seen_range import earlier_range, measure_training_range
from wmh_keras.training.streams import Stream, training_stream
from wmh_keras.training.subjects import (
    check_lesion_masks,
    choose_records,
    data_fingerprint,
)
from wmh_keras.training.validation import THRESHOLD, VolumeValidation
from wmh_keras.training.workdir import locked, open_workdir_together


@dataclasses.dataclass(frozen=True)
class TrainingResult:
    """How a training ended.

    Attributes:
      epochs: Epochs done in all.
      best_epoch: Epoch of the model that was kept, counted from 1.
      best_dice: Its validation Dice.
      stopped_early: Whether it ended for lack of improvement.
      model_folder: Where the model is.
    """

    epochs: int
    best_epoch: int
    best_dice: float
    stopped_early: bool
    model_folder: Path

    @property
    def found_nothing(self) -> bool:
        """Whether no epoch found any validation lesion, Dice 0 throughout."""
        return self.best_dice == 0


def train(
    config: TrainingConfig, group: ProcessGroup | None = None
) -> TrainingResult:
    """Trains a network, or goes on with it, and keeps the best model.

    Args:
      config: The training. Its backend must be the one Keras runs on.
      group: The processes that train together, all with this config; by
        default this one. The first of them writes the files.

    Returns:
      How it ended.

    Raises:
      UserError: The data, the subjects, the flags or the work folder do not
        fit, or the loss is no number any more.
      KeyboardInterrupt: As ever; the same call then goes on from the end of
        the last epoch.
    """
    group = group or ProcessGroup()
    distribution.select_backend(config.backend)
    data = open_prepared_data(config.data_dir)
    training, validation = choose_records(data, config)
    arguments = assembly.network_arguments(data, config)
    masks = find_lesion_masks(config.lesion_masks)
    check_lesion_masks(masks, training, validation)
    info = assembly.model_info(
        config, data, arguments, training, validation, masks
    )
    devices = distribution.set_up_devices(group)
    distribution.check_batch_size(config.global_batch_size, devices.count)
    workdir = Path(config.workdir)
    with locked(workdir) if group.is_first else contextlib.nullcontext():
        fingerprint = data_fingerprint(data, training, validation, masks)
        checkpoint = open_workdir_together(
            config,
            fingerprint,
            group,
            lambda: initial_model.check_initial_model(config, info),
        )
        # Not 0: tf.data then refuses seeds that are tensors.
        keras.utils.set_random_seed(config.seed + 1)
        model = assembly.compile_model(config, arguments)
        if checkpoint is not None:
            restore_checkpoint(checkpoint, model)
            info = initial_model.restore_origin(info, checkpoint)
        elif config.init_model:
            earlier = initial_model.read_initial_model(config, info)
            initial_model.take_over_weights(model, earlier)
            info = initial_model.with_origin(info, earlier)
        stream = training_stream(
            data, training, config, fingerprint, group, masks
        )
        run = _Run(config, group, data, stream, fingerprint, info, checkpoint)
        description = assembly.describe(
            model, data, devices, stream, validation
        )
        try:
            run.fit(model, validation, description)
        except (tf.errors.DataLossError, tf.errors.NotFoundError) as error:
            raise UserError(
                f"{config.data_dir}: a file of the data set is missing or "
                f"damaged: {error.message}"
            ) from error
        group.gather()  # nobody reads patches any more
        if group.is_first:
            remove_patch_store(workdir / patch_store.FOLDER)
        return run.result()


class _Run:
    """The state of one training while it runs."""

    def __init__(
        self,
        config: TrainingConfig,
        group: ProcessGroup,
        data: PreparedData,
        stream: Stream,
        fingerprint: str,
        info: ModelInfo,
        checkpoint: Checkpoint | None,
    ) -> None:
        self.config = config
        self.group = group
        self.data = data
        self.stream = stream
        self.fingerprint = fingerprint
        self.info = info
        self.workdir = Path(config.workdir)
        self.interruption = Interruption()
        self.schedule = Schedule(
            # The cosine leaves a plateau nothing to reduce.
            0 if config.cosine_epochs else config.plateau_epochs,
            config.stop_epochs,
        )
        self.rows: list[dict[str, Any]] = []
        self.first_epoch = 0
        if checkpoint is not None:
            self.first_epoch = checkpoint.epoch
            self.schedule.restore(checkpoint.state["schedule"])
            self.rows = checkpoint.state["history"]
            if group.is_first:
                callbacks.write_history(self.workdir, self.rows)

    def fit(
        self,
        model: keras.Model,
        validation: Sequence[VolumeRecord],
        description: str,
    ) -> None:
        steps = self.config.steps_per_epoch or self.stream.batches_per_pass
        progress = Progress(
            first_epoch=self.first_epoch,
            epochs=self.config.epochs,
            steps_per_epoch=steps,
            global_batch_size=self.config.global_batch_size,
            description=description,
        )
        idle = DeviceIdle()
        if self.stream.device_augmentation is not None:
            augment_in_step(model, self.stream.device_augmentation)
        batches = self.stream.batches(
            self.first_epoch * steps, self.config.epochs * steps
        )
        with self.interruption:
            model.fit(
                idle.watch(batches),
                initial_epoch=self.first_epoch,
                epochs=self.config.epochs,
                steps_per_epoch=steps,
                verbose=0,
                shuffle=False,
                callbacks=UnreadLogs(
                    [
                        EndWhereAsked(self.interruption),
                        idle,
                        *self._callbacks(model, validation, steps),
                        *([progress] if self.group.is_first else []),
                    ],
                    add_history=True,  # fit returns it
                    model=model,
                    epochs=self.config.epochs,
                    steps=steps,
                ),
            )

    def result(self) -> TrainingResult:
        return TrainingResult(
            epochs=len(self.rows),
            best_epoch=self.schedule.best_epoch,
            best_dice=self.schedule.best,
            stopped_early=self.schedule.stopped,
            model_folder=self.workdir / artifacts.MODEL_FOLDER,
        )

    def _callbacks(
        self,
        model: keras.Model,
        validation: Sequence[VolumeRecord],
        steps: int,
    ) -> list[keras.callbacks.Callback]:
        config = self.config
        segmenter = Segmenter(
            [model], self.data.preprocess_config, threshold=THRESHOLD
        )
        clock = callbacks.Clock(steps * config.global_batch_size)
        tensorboard = keras.callbacks.TensorBoard(
            self.workdir / "tensorboard", write_graph=False
        )
        cosine = [
            callbacks.FollowCosine(config.learning_rate, config.cosine_epochs)
        ]
        # The order matters: see the module of the callbacks.
        return [
            callbacks.NanGuard(),
            *(cosine if config.cosine_epochs else []),
            clock,
            callbacks.Validate(
                VolumeValidation(self.data, validation, segmenter, self.group),
                config.validation_every,
                self.interruption,
            ),
            callbacks.FollowSchedule(
                self.schedule, config.plateau_factor, self._keep_model
            ),
            callbacks.SaveState(
                self.workdir,
                self.schedule,
                self.rows,
                {
                    "data_fingerprint": self.fingerprint,
                    initial_model.STATE: initial_model.to_state(self.info),
                },
                clock,
                self.group,
            ),
            *([tensorboard] if self.group.is_first else []),
        ]

    def _keep_model(
        self, model: keras.Model, scores: Mapping[str, float]
    ) -> None:
        if not self.group.is_first:
            return
        with distribution.without_others():
            self._measure_scans()
            artifacts.save_model(
                self.workdir / artifacts.MODEL_FOLDER,
                [model],
                dataclasses.replace(self.info, scores=scores),
            )

    def _measure_scans(self) -> None:
        """Makes the first model that is kept wait for what all keep."""
        if self.info.training_range is not None:
            return
        known = earlier_range(self.workdir) or measure_training_range(
            self.data, self.stream.records, self.config
        )
        self.info = dataclasses.replace(self.info, training_range=known)
