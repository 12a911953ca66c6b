# One image for every service of docker-compose.yml but PostgreSQL: Airflow, MLflow, the mail sink and `perennial` itself.
FROM python:3.11-slim-bookworm AS build

ENV UV_LINK_MODE=copy \
    UV_NO_CACHE=1 \
    VIRTUAL_ENV=/opt/venv \
    PATH=/opt/venv/bin:$PATH

WORKDIR /opt/perennial
COPY requirements.lock ./

# uv itself is installed from its own lines of the lock, so that everything that enters the image is checked by hash.
RUN python -m venv /opt/venv \
 && sed -n '/^uv==/,/# via/p' requirements.lock > /tmp/uv.lock \
 && pip install --no-cache-dir --require-hashes -r /tmp/uv.lock \
 && uv pip sync --system-certs --require-hashes requirements.lock

COPY . .
# A clone under umask 077 must be readable to the user of the last stage.
RUN chmod --recursive a+rX . \
 && uv pip install --no-deps --no-build-isolation --editable .


FROM python:3.11-slim-bookworm

# LightGBM links the system's OpenMP library, which slim systems lack.
# No version: Debian's archive keeps only the newest build of a stable release, so a pinned one soon stops building.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends libgomp1 \
 && rm -rf /var/lib/apt/lists/*

# The folders that volumes cover: a new volume takes over their owner.
RUN useradd --uid 10001 --create-home --home-dir /home/perennial --shell /usr/sbin/nologin perennial \
 && install --directory --owner=perennial --group=perennial --mode=0750 \
      /var/lib/perennial /var/lib/perennial/artifacts /var/lib/perennial/login /var/lib/perennial/logs \
      /var/lib/perennial/mail /var/lib/perennial/mlflow

COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/perennial /opt/perennial

ENV AIRFLOW_HOME=/home/perennial/airflow \
    PATH=/opt/venv/bin:$PATH \
    PERENNIAL_ARTIFACTS=/var/lib/perennial/artifacts \
    PERENNIAL_HOME=/opt/perennial \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

WORKDIR /opt/perennial
USER 10001:10001
CMD ["perennial", "--help"]
