"""One model folder out of several trainings, to be handed on."""
