# One image for every service of docker-compose.yml but PostgreSQL: Airflow, MLflow, the mail sink and `perennial` itself.
# It holds the wheel and what the lock pins for it, no home: a home is mounted at /opt/home, or copied there by an image on top.
FROM python:3.11-slim-bookworm AS build

ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_NO_CACHE=1 \
    VIRTUAL_ENV=/opt/venv \
    PATH=/opt/venv/bin:$PATH

WORKDIR /src
COPY requirements.lock ./

# uv itself is installed from its own lines of the lock, so that everything that enters the image is checked by hash.
RUN python -m venv /opt/venv /opt/tools \
 && sed -n '/^uv==/,/# via/p' requirements.lock > /tmp/uv.lock \
 && pip install --no-cache-dir --require-hashes -r /tmp/uv.lock

COPY . .
# What the services want beside the plain package; docker-compose.scale.yml adds `workers`.
ARG EXTRAS=local,watch,serve
# The wheel is built with the build backend of the lock; it then brings only what it needs, in the versions and with the hashes
# of the lock (pyproject.toml leaves out the GPU library).
RUN VIRTUAL_ENV=/opt/tools uv pip install --system-certs --constraint requirements.lock hatchling \
 && /opt/tools/bin/python -m hatchling build -t wheel -d /tmp/wheel \
 && uv pip install --system-certs --constraint requirements.lock "perennial[${EXTRAS}] @ $(ls /tmp/wheel/*.whl)"


FROM python:3.11-slim-bookworm

# LightGBM links the system's OpenMP library, which slim systems lack.
# No version: Debian's archive keeps only the newest build of a stable release, so a pinned one soon stops building.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends libgomp1 \
 && rm -rf /var/lib/apt/lists/*

# The folders that volumes cover: a new volume takes over their owner. PostgreSQL's own user reads what lies in `install`.
RUN useradd --uid 10001 --create-home --home-dir /home/perennial --shell /usr/sbin/nologin perennial \
 && install --directory --owner=perennial --group=perennial --mode=0755 /var/lib/perennial /var/lib/perennial/install \
 && install --directory --owner=perennial --group=perennial --mode=0750 \
      /var/lib/perennial/artifacts /var/lib/perennial/login /var/lib/perennial/logs \
      /var/lib/perennial/mail /var/lib/perennial/mlflow \
 && install --directory /opt/home

COPY --from=build /opt/venv /opt/venv

ENV AIRFLOW_HOME=/home/perennial/airflow \
    PATH=/opt/venv/bin:$PATH \
    PERENNIAL_ARTIFACTS=/var/lib/perennial/artifacts \
    PERENNIAL_HOME=/opt/home \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

WORKDIR /opt/home
USER 10001:10001
CMD ["perennial", "--help"]
