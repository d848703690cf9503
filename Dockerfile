# One image for web and worker; compose.yaml says which it is.
FROM node:22-bookworm-slim AS frontend
WORKDIR /app/frontend
COPY frontend/package.json frontend/package-lock.json frontend/.npmrc ./
# Not `npm ci`: it wants the lock to list what only other systems than this one would install.
RUN npm install --no-audit --no-fund
WORKDIR /app
COPY frontend frontend
COPY templates templates
RUN cd frontend && npm run build

FROM python:3.11-slim-bookworm
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1
WORKDIR /app
COPY requirements/runtime.txt requirements/runtime.txt
RUN pip install --disable-pip-version-check --require-hashes -r requirements/runtime.txt
COPY manage.py pyproject.toml ./
COPY builder builder
COPY runtime runtime
COPY examples examples
COPY templates templates
COPY --from=frontend /app/frontend/dist frontend/dist
# Who runs them may not write them: each start would compile them anew.
RUN python -m compileall -q builder runtime examples
RUN useradd --create-home patchbay && mkdir /data && chown patchbay /data
USER patchbay
ENV PATCHBAY_DATA_DIR=/data
EXPOSE 8000
CMD ["uvicorn", "builder.asgi:application", "--host", "0.0.0.0", "--port", "8000", "--lifespan", "off"]
