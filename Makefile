# make demo   everything once on synthetic heads: data, training, evaluation, masks, report
# make test   the tests and the linter
# make help   the other targets

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
DEMO := demo
# Most tests keep one core busy: so many files are tested at a time.
TEST_PROCESSES ?= 2
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

# What the libraries keep for themselves stays inside the environment.
export DENO_DIR := $(CURDIR)/$(VENV)/deno
export KERAS_HOME := $(CURDIR)/$(VENV)/keras
export MPLCONFIGDIR := $(CURDIR)/$(VENV)/matplotlib
export TF_CPP_MIN_LOG_LEVEL ?= 2

.PHONY: demo test lint format install clean help

help:
	@sed -n 's/^# make/make/p' Makefile
	@echo "make install / lint / format / clean"

install: $(INSTALLED)

$(INSTALLED): setup.cfg pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version)'
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "python3-venv is missing: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check --progress-bar off -c constraints.txt -e '.[test,crosscheck]'
	$(RUN) -m pip install --quiet --disable-pip-version-check --progress-bar off --no-deps panoptica==2.1.7 tensorflow-serving-api==2.21.0
	@touch $@

demo: $(INSTALLED)
	@rm -rf $(DEMO)
	@echo "1/6  Synthetic FLAIR heads with known lesions"
	$(RUN) -m data_prep.make_phantoms --output_dir=$(DEMO)/heads --num_subjects=24
	@echo "2/6  A data set from them"
	$(RUN) -m data_prep.prepare --input=$(DEMO)/heads/cohort --data_dir=$(DEMO)/data --side=96 --fractions=0.6,0.15,0.25
	@echo "3/6  Training a small U-Net"
	$(RUN) -m wmh_keras.train --flagfile=wmh_keras/flagfiles/demo.cfg --data_dir=$(DEMO)/data --workdir=$(DEMO)/run
	@echo "4/6  Evaluation on patients it has not seen"
	$(RUN) -m wmh_keras.evaluate --data_dir=$(DEMO)/data --split=test --model=$(DEMO)/run --output_dir=$(DEMO)/evaluation
	@echo "5/6  Masks for a new head"
	$(RUN) -m wmh_keras.predict --input=$(DEMO)/heads/new --model=$(DEMO)/run --output_dir=$(DEMO)/prediction
	@echo "6/6  A report on the evaluation"
	$(RUN) -m wmh_keras.report --evaluations=$(DEMO)/evaluation --names=unet --data_dir=$(DEMO)/data --output_dir=$(DEMO)/report
	@echo
	@echo "Mask      $$(find $(DEMO)/prediction -name "*_mask.nii.gz" | head -n 1)"
	@echo "Table     $(DEMO)/evaluation/per_patient.csv"
	@echo "Picture   $$(find $(DEMO)/prediction -name "*_overview.png" | head -n 1)"
	@echo "Page      $(DEMO)/prediction/index.html"
	@echo "Report    $(DEMO)/report/report.html"

test: lint
	WMH_CROSSCHECK=1 $(RUN) -m pytest -n $(TEST_PROCESSES) --dist loadfile

lint: $(INSTALLED)
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .

format: $(INSTALLED)
	$(RUN) -m ruff format .
	$(RUN) -m ruff check --fix .

clean:
	rm -rf $(VENV) $(DEMO) build dist *.egg-info
