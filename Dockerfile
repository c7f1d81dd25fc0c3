# wmh-keras as a BIDS App, and all of its programs:
#
#   docker build -t wmh-keras .                       # target cpu
#   docker build -t wmh-keras:cuda --target cuda .    # NVIDIA GPUs
#   docker run --rm -v BIDS:/data:ro -v OUT:/out wmh-keras /data /out participant
#
# It holds the model that comes with the package; a model of your own is
# mounted: -v MODEL:/model:ro and participant --model=/model
# docs/container.md has the rest; container/check.sh builds and tries it.
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS build
# pip's own variables, for machines that reach packages by another way.
ARG PIP_CERT
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_FIND_LINKS
ARG PIP_DEFAULT_TIMEOUT
RUN apt-get update \
 && apt-get install --yes --no-install-recommends binutils ca-certificates \
      python3-pip python3-venv \
 && apt-get clean && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY setup.cfg pyproject.toml constraints.txt README.md LICENSE ./
COPY data_prep data_prep
COPY tfds_wmh tfds_wmh
COPY wmh_keras wmh_keras
# The venv has no pip of its own. TensorFlow's headers serve only to compile
# operations, and the symbols of the largest libraries only debuggers.
# keras.json is written now, so that none is looked for or written in a home
# folder, where a user's own could change what a network computes.
ENV KERAS_HOME=/opt/venv/keras
RUN python3 -m venv --without-pip /opt/venv \
 && python3 -m pip --python /opt/venv/bin/python install --no-cache-dir \
      --root-user-action=ignore --progress-bar=off \
      --constraint constraints.txt '.[dicom]' \
 && cd /opt/venv/lib/python3*/site-packages \
 && rm -r tensorflow/include \
 && strip --strip-unneeded tensorflow/libtensorflow_*.so.? \
      jaxlib/libjax_common.so \
 && KERAS_BACKEND=jax /opt/venv/bin/python -c 'import keras'

FROM build AS build-cuda
# cuda12 runs with older drivers than cuda13.
ARG JAX_CUDA=cuda12
RUN python3 -m pip --python /opt/venv/bin/python install --no-cache-dir \
      --root-user-action=ignore --progress-bar=off \
      --constraint constraints.txt "jax[${JAX_CUDA}]"

FROM ${BASE} AS runtime
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3 \
 && apt-get clean && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 1000 --home-dir /tmp --no-create-home wmh
COPY --chmod=755 container/entrypoint.sh /usr/local/bin/wmh-entrypoint
# Any user id will do, and the root file system may be read-only: /tmp is all
# that is written to, beside the output. USER is for an id without a name.
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin \
    HOME=/tmp \
    USER=wmh \
    KERAS_HOME=/opt/venv/keras \
    LANG=C.UTF-8 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TF_CPP_MIN_LOG_LEVEL=2
WORKDIR /tmp
USER 1000:1000
# As the first process Python ignores SIGTERM, but not this one: what is being
# written is finished, and the same command goes on later.
STOPSIGNAL SIGINT
HEALTHCHECK --interval=1m --timeout=30s CMD ["wmh-predict", "--help"]
ENTRYPOINT ["wmh-entrypoint"]
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="wmh-keras" \
      org.opencontainers.image.description="White matter hyperintensities in FLAIR MRI, as a BIDS App; research software, not a medical device" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="debian:bookworm-slim"

FROM runtime AS cuda
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY --from=build-cuda /opt/venv /opt/venv

FROM runtime AS cpu
COPY --from=build /opt/venv /opt/venv
