"""Reads the environment; only settings import this. A wrong value stops the start and names the variable."""

import base64
import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

KEEPALIVE = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
"""A PostgreSQL that is gone without a word is noticed within half a minute; left to itself, the system would take two hours."""

_from_files: list[Path] = []


def env_text(name: str, default: str = "") -> str:
    """The variable, or the content of the file that NAME_FILE points to."""
    if path := os.environ.get(f"{name}_FILE"):
        _from_files.append(Path(path))
        return Path(path).read_text().strip()
    return os.environ.get(name, default).strip()


def secret_files() -> list[Path]:
    """The files that variables were read from so far, such as that of SECRET_KEY_FILE."""
    return list(_from_files)


def env_list(name: str, default: str = "") -> list[str]:
    return [part.strip() for part in env_text(name, default).split(",") if part.strip()]


def env_bool(name: str, *, default: bool = False) -> bool:
    value = env_text(name, "1" if default else "0").lower()
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"", "0", "false", "no", "off"}:
        return False
    raise ImproperlyConfigured(f"{name} is {value!r}; write 1 or 0.")


def env_int(name: str, default: int, *, least: int | None = None) -> int:
    value = env_text(name, str(default))
    try:
        number = int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} is {value!r}; write a whole number.") from None
    if least is not None and number < least:
        raise ImproperlyConfigured(f"{name} is {value!r}; write a whole number from {least} on.")
    return number


def kept_secret(name: str, path: Path) -> str:
    """The variable, else a value made once and kept in a file that only this user can read."""
    if value := env_text(name):
        return value
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(48))
        try:
            os.link(draft, path)  # the first process to arrive wins, the others read its value
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()


def encryption_keys(name: str, path: Path) -> dict[str, bytes]:
    """Key id -> 32 bytes, the key for new values first: `id:base64,id:base64`."""
    text = env_text(name)
    if not text:
        seed = kept_secret(name, path)
        return {"local": base64.urlsafe_b64decode(seed + "=" * (-len(seed) % 4))[:32]}
    keys = {}
    for part in text.split(","):
        key_id, _, encoded = part.strip().partition(":")
        try:
            key = base64.b64decode(encoded, altchars=b"-_", validate=True)
        except ValueError:
            key = b""
        if not key_id or len(key) != 32:
            raise ImproperlyConfigured(f"{name} must be a list of id:key with 32 bytes of base64 each.")
        keys[key_id] = key
    return keys


def database(url: str, data_dir: Path) -> dict[str, Any]:
    """Django's settings for `postgres://…` or `sqlite:///path`; empty means SQLite in the data directory."""
    parts = urlsplit(url)
    if parts.scheme in {"postgres", "postgresql"}:
        return {
            "ENGINE": "builder.postgresql",
            "NAME": unquote(parts.path.lstrip("/")),
            "USER": unquote(parts.username or ""),
            "PASSWORD": unquote(parts.password or ""),
            "HOST": parts.hostname or "",
            "PORT": str(parts.port or ""),
            "CONN_MAX_AGE": 0,
            "OPTIONS": {
                **KEEPALIVE,
                **dict(parse_qsl(parts.query)),
                "connect_timeout": 5,
                # The engine's own statements are always the same; the ORM's are never prepared.
                "prepare_threshold": 3,
                "pool": {"max_size": 24, "timeout": 10},
            },
        }
    if parts.scheme not in {"", "sqlite"}:
        raise ImproperlyConfigured(
            f"DATABASE_URL begins with {parts.scheme}://; write postgres:// or sqlite:///."
        )
    path = Path(unquote(parts.path[1:])) if parts.scheme else data_dir / "patchbay.sqlite3"
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(path),
        "CONN_MAX_AGE": 0,
        "OPTIONS": {
            "timeout": 20,
            # A transaction that begins by reading and then writes fails under contention unless it is immediate.
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=20000;",
        },
        "TEST": {"NAME": str(path.with_name(f"test-{path.name}"))},
    }
