# One image runs every part of Koe: the command says which (serve, api, worker, beat, db upgrade).
FROM python:3.11-slim-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends make && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/koe
COPY Makefile pyproject.toml README.md ./
COPY requirements requirements
COPY core core
COPY store store
COPY nlp nlp
COPY models models
COPY insights insights
COPY scrapers scrapers
COPY workers workers
COPY api api
COPY cli cli
# The very target a newcomer runs: the image and a laptop cannot drift apart.
RUN make setup

FROM python:3.11-slim-bookworm
# libgomp1 is what numpy's and OpenVINO's threads need; nothing else is added.
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin koe \
    && install -d -o koe -g koe /data
COPY --from=build /opt/koe /opt/koe
ENV PATH=/opt/koe/.venv/bin:$PATH KOE_HOME=/data KOE_HOST=0.0.0.0 PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 MALLOC_ARENA_MAX=2
WORKDIR /data
USER koe
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=40s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=2)"]
CMD ["koe", "serve"]
