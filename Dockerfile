# syntax=docker/dockerfile:1
# One image for the code server, the webserver and the daemon; the command says which. docs/stack.md explains it.
# The digest is that of the image index, so it fits every platform; a bot or `docker buildx imagetools inspect` renews it.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm@sha256:b18992999dbe963a45a8a4da40ac2b1975be1a776d939d098c647482bcad5cba

FROM ${PYTHON_IMAGE} AS builder
# `embedded` adds chDB, half a gigabyte that only an embedded warehouse needs.
ARG EXTRAS=""
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
WORKDIR /build
COPY pyproject.toml constraints.txt README.md ./
# Only what the project needs, without the project, so that a change of its code leaves this layer as it is. Everything is
# a wheel; what is compiled is the project's own, below.
RUN mkdir dagster_pipeline && touch dagster_pipeline/__init__.py \
 && python -m venv /opt/compiler \
 && /opt/compiler/bin/pip install setuptools==84.2.1 --constraint constraints.txt Cython \
 && pip install setuptools==84.2.1 \
 && pip install --only-binary :all: --no-build-isolation --constraint constraints.txt ".${EXTRAS:+[$EXTRAS]}" \
 && pip uninstall --yes dagster-pipeline setuptools pip
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev
COPY setup.py ./
COPY dagster_pipeline dagster_pipeline
RUN /opt/compiler/bin/python setup.py build_ext --inplace && find dagster_pipeline -name '*.c' -delete

FROM ${PYTHON_IMAGE} AS runtime
ARG VERSION=unknown
LABEL org.opencontainers.image.title="dagster-pipeline" \
      org.opencontainers.image.version="${VERSION}"
# A fixed number, which volumes and Kubernetes' runAsNonRoot can name.
RUN groupadd --gid 10001 dagster \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin dagster \
 && pip uninstall --yes --root-user-action ignore pip setuptools wheel
COPY --from=builder /opt/venv /opt/venv
WORKDIR /opt/dagster/app
COPY dagster_home/dagster.production.yaml /opt/dagster/home/dagster.yaml
COPY dagster_home/workspace.yaml /opt/dagster/home/workspace.yaml
COPY scripts/setup_dagster_database.py scripts/
COPY --from=builder /build/dagster_pipeline dagster_pipeline
# With the brackets a file that does not exist is no error: alerts.yml is optional.
COPY alerts.ym[l] ./
COPY schemas schemas
# The root file system may be read-only: bytecode is made now, and whatever Dagster writes goes to /tmp.
RUN python -m compileall -q /opt/venv/lib dagster_pipeline
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/opt/dagster/app \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    TMPDIR=/tmp \
    DAGSTER_HOME=/opt/dagster/home \
    DAGSTER_GRPC_HOST=0.0.0.0 \
    DAGSTER_GRPC_PORT=4000 \
    DAGSTER_WEBSERVER_HOST=0.0.0.0 \
    DAGSTER_WEBSERVER_PORT=3004
USER 10001:10001
EXPOSE 3004 4000
# The code server's; the compose files give webserver and daemon their own.
HEALTHCHECK --interval=30s --timeout=20s --start-period=90s --retries=3 \
  CMD ["dagster", "api", "grpc-health-check", "-p", "4000"]
CMD ["python", "-m", "dagster_pipeline", "serve", "grpc"]
