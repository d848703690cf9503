"""A database that is away is told apart from a fault: who asked is told to come back, not that something is broken."""

from __future__ import annotations

import json
import threading
from typing import Any

import psycopg.errors
import pytest
from asgiref.sync import async_to_sync
from django.db import InterfaceError, InternalError, OperationalError, ProgrammingError
from django.http import JsonResponse
from django.test import RequestFactory
from django.utils.log import log_response

from builder.http import readiness, views
from builder.http.errors import problem_for
from runtime.database_outage import is_outage


def caused_by(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


UNMIGRATED = [
    caused_by(ProgrammingError("no such table on PostgreSQL"), psycopg.errors.UndefinedTable()),
    caused_by(ProgrammingError("no such column on PostgreSQL"), psycopg.errors.UndefinedColumn()),
    OperationalError("no such table: runtime_run"),
]
AWAY = [
    OperationalError("the connection is closed"),
    InterfaceError("the cursor is closed"),
    caused_by(InternalError("cannot execute INSERT"), psycopg.errors.ReadOnlySqlTransaction()),
    caused_by(OperationalError("no space left"), psycopg.errors.DiskFull()),
    *UNMIGRATED,
]
AT_FAULT = [
    ProgrammingError("there is no such column"),
    caused_by(InternalError("aborted"), psycopg.errors.InFailedSqlTransaction()),
    InternalError("something else"),
    ValueError("not the database at all"),
]


@pytest.mark.parametrize("error", AWAY, ids=str)
def test_a_request_that_meets_a_database_that_is_away_may_be_sent_again(error: Exception) -> None:
    answer = problem_for(error)
    body = json.loads(answer.content)
    assert (answer.status_code, body["code"], body["retryable"]) == (503, "database_unavailable", True)
    assert int(answer["Retry-After"]) > 0


@pytest.mark.parametrize("error", AT_FAULT, ids=str)
def test_another_failure_is_no_outage(error: Exception) -> None:
    assert not is_outage(error)


@pytest.fixture(autouse=True)
def migrated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "missing_migrations", list)


def ready() -> dict[str, Any]:
    answer = async_to_sync(views.readyz)(RequestFactory().get("/readyz"))
    return {"code": answer.status_code, **json.loads(answer.content)}


@pytest.mark.parametrize(
    ("error", "reason"),
    [(AWAY[0], "does not answer"), *((error, "manage.py migrate") for error in UNMIGRATED)],
    ids=str,
)
def test_what_keeps_it_from_being_ready_is_told(
    monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    def failing() -> None:
        raise error

    monkeypatch.setattr(readiness, "health", failing)
    told = ready()
    assert (told["code"], told["status"]) == (503, "down")
    assert reason in told["reason"]


def test_a_database_of_an_earlier_release_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "missing_migrations", lambda: ["runtime.0008_settings_revisions"])
    assert ready()["reason"] == readiness.UNMIGRATED


def test_a_database_that_stands_still_is_waited_for_within_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    goes_on, asked = threading.Event(), []

    def standing_still() -> dict[str, Any]:
        asked.append(1)
        goes_on.wait(10)
        return {"status": "ok"}

    monkeypatch.setattr(readiness, "health", standing_still)
    monkeypatch.setattr(readiness, "WITHIN_S", 0.05)
    assert "has not answered within" in ready()["reason"]
    assert "has not answered within" in ready()["reason"]
    # Those who ask do not pile up.
    assert len(asked) == 1
    goes_on.set()
    monkeypatch.setattr(readiness, "WITHIN_S", 5.0)
    assert ready()["code"] == 200


def test_not_being_ready_is_an_answer_and_no_error_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    request = RequestFactory().get("/readyz")
    answer = JsonResponse({"status": "degraded"}, status=503)
    log_response("%s", answer.reason_phrase, response=answer, request=request)
    assert caplog.records == []
