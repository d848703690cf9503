"""Django's settings, in sections. Only this file reads the environment (see .env.example)."""

import sys
from pathlib import Path

from csp.constants import NONCE, NONE, SELF

from builder.environment import (
    database,
    encryption_keys,
    env_bool,
    env_int,
    env_list,
    env_text,
    kept_secret,
    secret_files,
)

BASE_DIR = Path(__file__).resolve().parent.parent

# --- the installation -------------------------------------------------------
VERSION = "0.1.0"
PORT = env_int("PORT", 8000)
DATA_DIR = Path(env_text("PATCHBAY_DATA_DIR", "data")).resolve()
DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
DEBUG = env_bool("DEBUG")
DEMO = env_bool("PATCHBAY_DEMO")
SECRET_KEY = kept_secret("SECRET_KEY", DATA_DIR / "secret-key")
ENCRYPTION_KEYS = encryption_keys("PATCHBAY_ENCRYPTION_KEYS", DATA_DIR / "encryption-key")
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
PUBLIC_URL = env_text("PUBLIC_URL").rstrip("/")
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if PUBLIC_URL else []
OUTBOUND_ALLOW = env_text("PATCHBAY_OUTBOUND_ALLOW")
MCP_CHECK_EVERY_S = env_int("PATCHBAY_MCP_CHECK_S", 300)

# --- applications ------------------------------------------------------------
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "runtime",
    "builder.http",
    "builder.audit",
    "builder.accounts",
    "builder.budgets",
    "builder.oauth_server",
    "builder.workflows",
    "builder.mcp_servers",
    "builder.llm_connections",
    "builder.triggers",
    "builder.inbox",
    "builder.monitoring",
    "builder.mcp_endpoint",
    "builder.installation",
]
# Every one of these works without a thread per request: held webhooks and sockets stay cheap.
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "builder.http.limits.LimitMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "builder.accounts.middleware.WorkspaceMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "builder.urls"
ASGI_APPLICATION = "builder.asgi.application"
APPEND_SLASH = False
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": False,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
                "builder.accounts.context.workspace",
            ],
            "builtins": ["builder.http.templatetags.pages"],
        },
    }
]

# --- data --------------------------------------------------------------------
DATABASE_URL = env_text("DATABASE_URL")
DATABASES = {"default": database(DATABASE_URL, DATA_DIR)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
EMBEDDED = DATABASES["default"]["ENGINE"].endswith("sqlite3")

# --- broker and live updates -----------------------------------------------------
# Of each worker: how many runs of one workspace it holds at most, the memory over which it ends to be restarted, and
# where a test makes it fail (runtime/engine/faults.py).
WORKSPACE_RUNS = env_int("PATCHBAY_WORKSPACE_RUNS", 96, least=1)
WORKER_MEMORY_MIB = env_int("PATCHBAY_WORKER_MEMORY_MIB", 0, least=0)
FAULT = env_text("PATCHBAY_FAULT")
BROKER_URL = env_text("BROKER_URL")
REDIS_URL = env_text("REDIS_URL")

# --- commands of MCP servers ------------------------------------------------------
STDIO_TEMPLATES = env_text(
    "PATCHBAY_STDIO_TEMPLATES", str(BASE_DIR / "examples/stdio-templates.toml") if DEMO else ""
)
# What they cannot read, each its own folder in the data directory excepted. Every secret has been read by now.
HIDDEN_FROM_SERVERS = [DATA_DIR, BASE_DIR / ".env", *secret_files()]
if EMBEDDED:
    HIDDEN_FROM_SERVERS += [Path(f"{DATABASES['default']['NAME']}{end}") for end in ("", "-wal", "-shm")]

# --- the runtime's surroundings -------------------------------------------------
RUNTIME_GATEWAYS = {
    "mcp_servers": "builder.mcp_servers.gateway.RegisteredServers",
    "models": "builder.llm_connections.gateway.RegisteredModels",
    "people": "builder.inbox.gateway.Inbox",
    "triggers": "builder.triggers.gateway.LiveTriggers",
}

# --- people ----------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = "sign_in"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "sign_in"
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
SESSION_COOKIE_AGE = 14 * 24 * 3600
SESSION_COOKIE_NAME = "patchbay_session"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PUBLIC_URL.startswith("https://")
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "builder.http.views.csrf_failure"
if "pytest" in sys.modules:
    # Tests sign in hundreds of times; a slow hash would only make them slow.
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# --- headers ------------------------------------------------------------------------
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if PUBLIC_URL.startswith("https://"):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "worker-src": [SELF],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

# --- sizes ----------------------------------------------------------------------------
MAX_BODY_BYTES = 2 * 1024 * 1024
MAX_WEBHOOK_BYTES = 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BODY_BYTES

# --- languages, times, files ------------------------------------------------------------
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
FRONTEND_DIST = BASE_DIR / "frontend" / "dist"
STATICFILES_DIRS = [BASE_DIR / "builder" / "http" / "static"]

# --- logs ---------------------------------------------------------------------------------
LOG_LEVEL = env_text("LOG_LEVEL", "INFO").upper()
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"not_of_health": {"()": "builder.http.logs.NotOfHealth"}},
    "formatters": {"line": {"()": "builder.http.logs.LineFormatter"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "builder": {"level": LOG_LEVEL},
        "runtime": {"level": LOG_LEVEL},
        "django.server": {"level": "WARNING"},
        "django.request": {"filters": ["not_of_health"]},
        # It would write down every path, and those of webhooks and forms are keys.
        "uvicorn.access": {"level": "WARNING"},
        # It logs replies that do not fit as they came, tokens included; what went wrong is told as an error of ours.
        "mcp.client.auth": {"level": "CRITICAL"},
        # They write down addresses, and those of providers may hold keys. A worker's --loglevel is not for them.
        **{name: {"level": "WARNING"} for name in ("httpx2", "httpcore2", "aiohttp", "openai", "mcp")},
    },
}
