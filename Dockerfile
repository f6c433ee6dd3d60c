# One file for every Python service and for the command line. docker-compose.yml says which: `target: command-line`,
# or SERVICE, the name of a folder in services/ (in examples/, with FOLDER=examples).
ARG PYTHON_IMAGE=python:3.13-slim

# ---- what both need: the virtual environment with the shared distribution, without what that requires
FROM ${PYTHON_IMAGE} AS build
WORKDIR /build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
COPY requirements-build.lock .
RUN pip install --quiet --no-deps --require-hashes --only-binary :all: -r requirements-build.lock \
 && python -m venv --without-pip /opt/latchwire
COPY shared/ shared/
RUN pip wheel --quiet --no-deps --no-build-isolation --wheel-dir wheels ./shared \
 && pip --python /opt/latchwire install --quiet --no-deps wheels/*.whl

# ---- and the command line in it, or a service (which needs less: no library that makes certificates)
FROM build AS build-command-line
RUN pip --python /opt/latchwire install --quiet --no-deps --require-hashes --only-binary :all: \
        -r shared/requirements.lock

FROM build AS build-service
ARG SERVICE
ARG FOLDER=services
COPY ${FOLDER}/${SERVICE}/requirements.lock service/
RUN pip --python /opt/latchwire install --quiet --no-deps --require-hashes --only-binary :all: \
        -r service/requirements.lock
COPY ${FOLDER}/${SERVICE}/ service/
RUN pip wheel --quiet --no-deps --no-build-isolation --wheel-dir service-wheels ./service \
 && pip --python /opt/latchwire install --quiet --no-deps service-wheels/*.whl

# ---- what runs: no pip, no compiler, no user with rights
FROM ${PYTHON_IMAGE} AS runtime
RUN python -m pip uninstall --quiet --yes --root-user-action ignore pip
ENV PATH=/opt/latchwire/bin:$PATH \
    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    LATCHWIRE_STATE=/latchwire/state
WORKDIR /latchwire
COPY config.example.json ./
COPY broker/ broker/
USER 1000:1000

FROM runtime AS command-line
COPY --from=build-command-line /opt/latchwire /opt/latchwire
ENTRYPOINT ["latchwire"]

FROM runtime AS service
ARG SERVICE
ENV LATCHWIRE_SERVICE=${SERVICE}
COPY --from=build-service /opt/latchwire /opt/latchwire
# Asks the running process; the service's own `--health` says the same, but imports all of it first.
HEALTHCHECK CMD exec python -m latchwire.service.control "$LATCHWIRE_SERVICE"
CMD exec "latchwire-$LATCHWIRE_SERVICE"
