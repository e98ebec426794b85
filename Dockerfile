# bugbundle as an image: no root, no shell needed, runs on a read-only root file system (give it /tmp and a folder to write to).
FROM python:3.12-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY bugbundle bugbundle
RUN python -m venv /opt/bugbundle && /opt/bugbundle/bin/pip install --no-cache-dir .

FROM python:3.12-slim
COPY --from=build /opt/bugbundle /opt/bugbundle
ENV PATH=/opt/bugbundle/bin:$PATH PYTHONDONTWRITEBYTECODE=1
RUN useradd --uid 65532 --no-create-home --shell /usr/sbin/nologin bugbundle && mkdir /bundle && chown 65532:65532 /bundle
USER 65532:65532
WORKDIR /bundle
ENTRYPOINT ["bugbundle"]
CMD ["--help"]
