# One image for web server, daemon, code server and runs; see docs/kubernetes.md.
#   docker build -t REGISTRY/video-assets:0.1.0 .
# Release builds name the base by digest: --build-arg PYTHON=python:3.11-slim-bookworm@sha256:...
ARG PYTHON=python:3.11-slim-bookworm

FROM ${PYTHON} AS build
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends binutils "tini=0.19.0-1*" >/dev/null
RUN python -m venv --without-pip /opt/video-assets
WORKDIR /opt/video-assets/lib/python3.11/site-packages
COPY requirements/image.txt /build/requirements/
RUN python -m pip --python /opt/video-assets install --quiet --no-cache-dir --only-binary :all: --require-hashes -r /build/requirements/image.txt
# A third of what was installed is never used here: headers, sources and test suites, debug symbols, source maps, clients for other clouds,
# and the bytecode of packages that no run loads (the bytecode of the others stays: the root file system is read-only in the cluster).
RUN rm -rf kubernetes/aio pyarrow/include pyarrow/src pyarrow/tests pyarrow/*flight* pyarrow/*_s3* pyarrow/*_gcs* pyarrow/*_azure* \
        pandas/tests matplotlib/tests matplotlib/mpl-data/sample_data mpl_toolkits/*/tests Cryptodome/SelfTest \
        sqlalchemy/testing sqlalchemy/dialects/oracle sqlalchemy/dialects/mssql \
    && find numpy -type d -name tests -prune -exec rm -rf {} + \
    && find . -type f -regex '.*\.\(a\|c\|cc\|cpp\|h\|hpp\|map\|pxd\|pxi\|pyi\|pyx\)' -delete \
    && find . -type f -regex '.*\.so\(\.[0-9.]+\)?' -not -path './*.libs/*' -exec strip --strip-unneeded {} + \
    && find kubernetes/client yt_dlp fontTools pygments Cryptodome -name __pycache__ -prune -exec rm -rf {} +
COPY pyproject.toml README.md LICENSE dagster.yaml workspace.yaml /build/
COPY video_assets /build/video_assets
RUN python -m pip --python /opt/video-assets install --quiet --no-cache-dir --no-deps --no-build-isolation --no-index /build
# What was removed must not be missed: a build that fails is better than runs that do.
RUN /opt/video-assets/bin/python -B -c "import av, dagster_k8s, dagster_postgres.storage, dagster_webserver.app, huggingface_hub, \
    matplotlib.pyplot, pandas, psycopg2, pyarrow.dataset, pyarrow.parquet, video_assets.definitions, yt_dlp"

FROM ${PYTHON}
COPY --from=build /usr/bin/tini-static /usr/bin/tini
COPY --from=build /opt/video-assets /opt/video-assets
RUN groupadd --gid 1000 video-assets \
    && useradd --uid 1000 --gid 1000 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin video-assets \
    && install -d -o 1000 -g 1000 /data /opt/dagster /opt/dagster/dagster_home
ENV PATH=/opt/video-assets/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    MPLCONFIGDIR=/tmp/matplotlib \
    OPENBLAS_NUM_THREADS=1 \
    DAGSTER_HOME=/opt/dagster \
    VIDEO_ASSETS_DATA_ROOT=/data
USER 1000:1000
WORKDIR /tmp
# tini passes SIGTERM on to the one program, and buries the children of decoders that were killed.
ENTRYPOINT ["/usr/bin/tini", "--"]
CMD ["video-assets", "--help"]
