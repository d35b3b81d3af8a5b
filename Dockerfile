# The command, the reference API and all that they need, from this checkout and what requirements.lock pins:
#   docker build -t tailgate:0.1.0 .
FROM node:20.20.2-bookworm-slim AS web
WORKDIR /build
COPY .npmrc ./
COPY service/pages service/pages
COPY loadtest/browser loadtest/browser
RUN mkdir -p loadtest/tailgate_loadtest/browser \
    && for folder in service/pages loadtest/browser; do \
        (cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund && npm run build) || exit 1; \
    done

FROM python:3.11.15-slim-bookworm AS build
WORKDIR /build
COPY requirements.lock ./
# uv holds packages to the hashes of a constraint, which pip cannot; uv itself comes by pip, held to its own.
RUN sed -n '/^uv==/,/[^\\]$/p' requirements.lock > uv.txt \
    && pip install --no-cache-dir --disable-pip-version-check --require-hashes -r uv.txt \
    && uv venv --quiet .venv \
    && uv pip install --no-cache --only-binary :all: --constraint requirements.lock hatchling \
    && python -m venv --without-pip /opt/tailgate
COPY . .
COPY --from=web /build/service/tailgate_service/pages/built service/tailgate_service/pages/built
COPY --from=web /build/loadtest/tailgate_loadtest/browser loadtest/tailgate_loadtest/browser
RUN for project in slo otel service loadtest dashboards .; do \
        uv build --quiet --wheel --no-build-isolation --out-dir dist "$project" || exit 1; \
    done
# Compiled now: nothing can be written where it runs.
RUN uv pip install --no-cache --compile-bytecode --only-binary :all: --python /opt/tailgate/bin/python \
    --constraint requirements.lock dist/*.whl

FROM python:3.11.15-slim-bookworm
# An entry of its own, because Postgres asks who it runs as; by number, because a kubelet must see that it is not root.
# What is mounted where it writes takes over whose the directory is.
RUN groupadd --gid 10001 tailgate \
    && useradd --uid 10001 --gid 10001 --create-home tailgate \
    && install --directory --owner 10001 --group 10001 /runs /targets
COPY --from=build /opt/tailgate /opt/tailgate
ENV PATH=/opt/tailgate/bin:$PATH
USER 10001:10001
WORKDIR /home/tailgate
ENTRYPOINT ["tailgate"]
